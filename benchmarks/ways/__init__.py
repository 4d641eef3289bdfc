"""In: the address of a server. Out: clients that make calls there, one class a way to do it."""
