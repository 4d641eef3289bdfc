"""The Messages API as Anthropic serves it."""
