"""In: a provider. Out: its endpoint: its own server, the simulator, or the embedded model."""
