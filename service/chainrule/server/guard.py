"""Who may change anything by HTTP: this page, and programs that say so. No other site can, through a user's browser."""

from starlette.requests import Request

HEADER = "X-Chainrule"
"""A page of another origin cannot send it: its browser asks first, and is not answered."""


def refusal(request: Request) -> str | None:
    """Return why a request that changes something is refused; None where it is not."""
    if request.headers.get(HEADER) is None:
        return f"a request that changes something needs the header {HEADER}, with any value"
    if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        return "a page of another site may not change anything here"
    origin = request.headers.get("origin")
    if origin is not None and origin.partition("://")[2] != request.headers.get("host"):
        return f"a page of {origin} may not change anything here"
    return None
