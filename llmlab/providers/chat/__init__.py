"""Chat completions: what is sent, what comes back, and its records."""
