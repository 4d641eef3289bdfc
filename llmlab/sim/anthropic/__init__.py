"""Anthropic's side of the Messages API."""
