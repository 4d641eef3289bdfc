"""In: what a user asks to compare. Out: an `Experiment`, checked before anything is sent."""
