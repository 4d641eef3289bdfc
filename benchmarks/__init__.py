"""What llmlab costs and how well its intervals hold, measured; run as `python -m benchmarks.NAME`."""
