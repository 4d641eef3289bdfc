"""What `OLLAMA_HOST` may look like, as an address to call."""


def host_of(text: str) -> str:
    """
    Return the address to call for an `OLLAMA_HOST`, which may lack its scheme or port.

    `0.0.0.0` and `::` are addresses to listen on: what listens there is reached at 127.0.0.1.
    """
    text = text.strip().rstrip("/")
    if not text:
        return ""
    scheme, found, rest = text.partition("://")
    if not found:
        scheme, rest = "http", text
    place, slash, path = rest.partition("/")
    host, port = _host_and_port(place)
    if not port and scheme == "http":
        port = "11434"
    if host in ("", "0.0.0.0", "[::]"):  # noqa: S104 - read, never bound
        host = "127.0.0.1"
    return f"{scheme}://{host}{':' + port if port else ''}{slash}{path}"


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, _, rest = place.partition("]")
        return host + "]", rest.removeprefix(":")
    if place.count(":") > 1:
        return f"[{place}]", ""
    host, _, port = place.partition(":")
    return host, port
