"""Who writes the words of simulated answers."""
