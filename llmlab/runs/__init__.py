"""In: a plan of requests. Out: one `Row` a request, every call through one pipeline and book."""
