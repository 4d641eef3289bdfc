"""The batch endpoints of OpenAI, Anthropic and xAI, and what they share."""
