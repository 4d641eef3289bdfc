"""
In: a `Request` and what is known of its model. Out: an `HttpCall`, and an `Answer` or its error.

Adapters are pure: they open no socket, read no clock and no environment, and never see a key.
A provider that speaks a wire already known here is one row of `registry`.
"""
