"""Believing X-Forwarded-* headers and the country of a request, but only when a trusted proxy sent them."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import TYPE_CHECKING

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class TrustedProxies:
    """WSGI middleware: applies ProxyFix to requests whose peer is one of the trusted networks.

    From the requests of all others it takes away the headers in which proxies tell the country and the request's id.
    """

    def __init__(
        self, app: "WSGIApplication", networks: Sequence[IPv4Network | IPv6Network], country_header: str | None = None
    ) -> None:
        self._app = app
        self._behind_proxy = ProxyFix(app, x_for=1, x_proto=1, x_host=1)
        self._networks = networks
        self._trusts = lru_cache(maxsize=1024)(self._is_trusted)  # most requests come from a few addresses
        self._country_key = f"HTTP_{(country_header or '').upper().replace('-', '_')}"

    def __call__(self, environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if self._trusts(environ.get("REMOTE_ADDR", "")):
            return self._behind_proxy(environ, start_response)
        environ.pop(self._country_key, None)
        environ.pop("HTTP_X_REQUEST_ID", None)
        return self._app(environ, start_response)

    def _is_trusted(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        address = getattr(address, "ipv4_mapped", None) or address  # how a listener on :: sees IPv4
        return any(address in network for network in self._networks)
