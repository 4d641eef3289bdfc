"""Chat completions as xAI serves them, and its request validation."""
