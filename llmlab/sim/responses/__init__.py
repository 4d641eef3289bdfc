"""The Responses API as OpenAI and xAI serve it."""
