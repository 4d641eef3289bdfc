"""In: a run that ended. Out: the same rows again, from the book or from a tape."""
