"""What llmlab costs and how well its intervals hold; run as `python -m benchmarks.NAME`."""
