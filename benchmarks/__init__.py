"""
What llmlab costs and how well its intervals hold; run as `python -m benchmarks.NAME`.

In: nothing but this machine. Out: a table, and its figures as JSON in out/bench/NAME.json, from
which `python -m benchmarks.report` writes docs/performance.md.
"""
