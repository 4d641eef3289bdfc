"""In: a provider. Out: who answers for it: its server, the simulator, or the embedded model."""
