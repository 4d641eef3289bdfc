"""The Responses API: what is sent, what comes back, and its records."""
