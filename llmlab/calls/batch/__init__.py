"""In: prepared calls. Out: their outcomes, by the batch endpoints of the providers."""
