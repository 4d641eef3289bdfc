"""Ollama's API: what is sent, what comes back, and what a server has."""
