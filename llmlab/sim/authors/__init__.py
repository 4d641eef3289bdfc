"""Authors, which write the text of simulated answers."""
