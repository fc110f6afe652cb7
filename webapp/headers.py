"""The headers that every answer carries."""

from flask import Response, request

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
ALWAYS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


SDK = ("sdk", "sdk_version")

REVALIDATED = ("docs.document",)  # the same for everybody at one address, and asked for again by its ETag

_API = [*ALWAYS.items(), ("Cache-Control", "no-store"), ("Vary", "HX-Request, HX-Target")]
_SECURE = ("Strict-Transport-Security", "max-age=31536000")


def of_api(*, is_secure: bool) -> list[tuple[str, str]]:
    """Those of an answer that Flask has no part in."""
    return [*_API, _SECURE] if is_secure else _API


def add(response: Response) -> Response:
    """Put them on a response. Only files may be kept by caches, and only the SDK's be loaded by other sites' pages."""
    is_sdk = request.endpoint in SDK and response.status_code < 400
    for name, value in ALWAYS.items():
        if not (is_sdk and name in response.headers):
            response.headers[name] = value
    if request.is_secure:
        response.headers[_SECURE[0]] = _SECURE[1]
    if not (is_sdk or request.endpoint in {"static", *REVALIDATED}) or response.status_code >= 400:
        response.headers["Cache-Control"] = "no-store"
    return response
