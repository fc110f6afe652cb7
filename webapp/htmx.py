"""The only file that knows htmx's headers."""

from flask import Response, request


def wants(fragment: str) -> bool:
    """Whether the request asks for the part of the page whose root element has this id, not for the whole page."""
    headers = request.headers
    return (
        headers.get("HX-Request") == "true"
        and headers.get("HX-History-Restore-Request") != "true"
        and headers.get("HX-Target") == fragment
    )


def vary(response: Response) -> Response:
    """Tell caches that one URL has a page and fragments."""
    response.vary.update(("HX-Request", "HX-Target"))
    return response
