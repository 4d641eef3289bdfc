"""Chat completions as OpenAI serves them, and its request validation."""
