"""Ollama's side of its API."""
