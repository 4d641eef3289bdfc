"""In: a `Request` and its endpoint. Out: an `Outcome`; each attempt is reserved and settled."""
