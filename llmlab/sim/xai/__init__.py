"""xAI's side of chat completions, and what it refuses."""
