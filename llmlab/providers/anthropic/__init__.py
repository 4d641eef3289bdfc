"""Anthropic's Messages API: what is sent, what comes back, and its records."""
