"""A little OpenID provider on loopback, which does as the standard says until a test makes it do otherwise."""

import base64
import hashlib
import secrets
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from flask import Flask, Response, redirect, request
from flask.typing import ResponseReturnValue
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

CLIENT, CLIENT_SECRET = "profiles", "a secret of the client"
DISCOVERY = "/.well-known/openid-configuration"
Claims = dict[str, Any]


@cache
def key(kid: str) -> RSAKey:
    """A key to sign with; made once, as that takes a while."""
    return RSAKey.generate_key(2048, {"kid": kid, "use": "sig", "alg": "RS256"})


@dataclass
class Person:
    """Whoever is signed in at the provider."""

    subject: str = "subject of alice"
    email: str | None = "alice@shop.example"
    is_verified: Any = True


class Provider:
    """The provider as a test sees it. What it lets a test change:

    `person`, who is signed in there; `metadata`, more to say in discovery; `claims`, more to say of a person (None: to
    leave out); `sign`, how a token is made; `answers`, what a path answers instead; `kid`, the key it signs with;
    `asks`, whether a person has to agree on a page. `asked`: how often each path was asked.
    """

    def __init__(self) -> None:
        self.person = Person()
        self.metadata: dict[str, Any] = {}
        self.claims: Claims = {}
        self.sign: Callable[[Claims], Any] = self.signed
        self.answers: dict[str, Callable[[], ResponseReturnValue]] = {}
        self.kid, self.published = "first", ["first"]
        self.asks = False
        self.asked: Counter[str] = Counter()
        self.authentication: list[str] = []
        self._codes: dict[str, dict[str, str]] = {}
        self._server = make_server("127.0.0.1", 0, self._app(), threaded=True)
        self.issuer = f"http://127.0.0.1:{self._server.server_port}"

    @property
    def settings(self) -> dict[str, str]:
        """The settings of a server whose people sign in here."""
        return {
            "openid_issuer": self.issuer,
            "openid_client_id": CLIENT,
            "openid_client_secret": CLIENT_SECRET,
            "openid_name": "Acme",
        }

    def start(self) -> None:
        """Serve, in a thread."""
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def stop(self) -> None:
        """Nobody listens any more."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def way_back(self, address: str) -> str:
        """Where the provider sends a browser that has come to an address: the path of its callback, with the query."""
        parts = urlsplit(address)
        assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{self.issuer}/authorize", address
        back = urlsplit(self._agreed({name: values[0] for name, values in parse_qs(parts.query).items()}))
        return f"{back.path}?{back.query}"

    def signed(self, claims: Claims) -> str:
        """A token as it should be."""
        return jwt.encode({"alg": "RS256", "kid": self.kid}, claims, key(self.kid))

    def _app(self) -> Flask:
        app = Flask("provider")
        app.before_request(self._instead)
        app.add_url_rule(DISCOVERY, view_func=self._discovery)
        app.add_url_rule("/authorize", view_func=self._authorize)
        app.add_url_rule("/token", view_func=self._token, methods=["POST"])
        app.add_url_rule("/jwks", view_func=self._jwks)
        return app

    def _instead(self) -> ResponseReturnValue | None:
        self.asked[request.path] += 1
        return self.answers[request.path]() if request.path in self.answers else None

    def _discovery(self) -> ResponseReturnValue:
        return {
            "issuer": self.issuer,
            "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token",
            "jwks_uri": f"{self.issuer}/jwks",
            "response_types_supported": ["code"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
        } | self.metadata

    def _jwks(self) -> ResponseReturnValue:
        odd = [{"kty": "oct", "k": "c2VjcmV0", "kid": "shared"}, {"kty": "new"}, "a word", {"kty": "RSA", "n": 7}]
        return {"keys": [*odd, *(key(kid).as_dict(private=False) for kid in self.published)]}

    def _authorize(self) -> ResponseReturnValue:
        if self.asks and "agreed" not in request.args:
            given = "".join(
                f'<input type="hidden" name="{name}" value="{request.args[name]}">' for name in request.args
            )
            return f'<h1>Acme</h1><form>{given}<button name="agreed">Go on as {self.person.email}</button></form>'
        return redirect(self._agreed(request.args.to_dict()))

    def _agreed(self, given: dict[str, str]) -> str:
        assert (given["client_id"], given["response_type"]) == (CLIENT, "code")
        assert given["code_challenge_method"] == "S256"
        assert set(given["scope"].split()) == {"openid", "email"}
        code = secrets.token_urlsafe(16)
        self._codes[code] = given
        return f"{given['redirect_uri']}?{urlencode({'code': code, 'state': given['state'], 'iss': self.issuer})}"

    def _token(self) -> ResponseReturnValue:
        form = request.form
        if not self._is_client():
            return {"error": "invalid_client"}, 401
        begun = self._codes.pop(form["code"], None)
        if begun is None or form["redirect_uri"] != begun["redirect_uri"]:
            return {"error": "invalid_grant"}, 400
        if _challenge(form["code_verifier"]) != begun["code_challenge"]:
            return {"error": "invalid_grant"}, 400
        return {"access_token": "an access token", "token_type": "Bearer", "id_token": self.sign(self._claims(begun))}

    def _is_client(self) -> bool:
        given = request.authorization
        self.authentication.append("post" if given is None else given.type)
        if given is None:
            return (request.form["client_id"], request.form["client_secret"]) == (CLIENT, CLIENT_SECRET)
        return (given.username, given.password) == (CLIENT, CLIENT_SECRET)

    def _claims(self, begun: dict[str, str]) -> Claims:
        now, who = int(time.time()), self.person
        told = {"iss": self.issuer, "aud": CLIENT, "sub": who.subject, "iat": now, "exp": now + 300}
        told |= {"nonce": begun["nonce"], "email": who.email, "email_verified": who.is_verified} | self.claims
        return {name: value for name, value in told.items() if value is not None}


def _challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


@contextmanager
def running() -> Iterator[Provider]:
    """A provider that serves."""
    provider = Provider()
    provider.start()
    try:
        yield provider
    finally:
        provider.stop()


def slowly(seconds: float, times: int) -> Response:
    """An answer of which a byte comes now and then."""

    def drip() -> Iterator[bytes]:
        for _ in range(times):
            time.sleep(seconds)
            yield b" "

    return Response(drip(), mimetype="application/json")
