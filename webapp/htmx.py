"""The only file that knows htmx's headers."""

from flask import Response, request


def wants(fragment: str) -> bool:
    """Whether the request asks for the part of the page whose root element has this id, not for the whole page."""
    headers = request.headers
    is_restore = headers.get("HX-History-Restore-Request") == "true"
    return is_request() and not is_restore and headers.get("HX-Target") == fragment


def is_request() -> bool:
    """Whether htmx sent this request."""
    return request.headers.get("HX-Request") == "true"


def go(location: str) -> Response:
    """Send the whole browser somewhere: a plain redirect would put that page inside the fragment's place."""
    return Response(headers={"HX-Redirect": location})


def vary(response: Response) -> Response:
    """Tell caches that one URL has a page and fragments."""
    response.vary.update(("HX-Request", "HX-Target"))
    return response
