"""HTTP as machines and people speak it to a server that may die at any moment."""

import http.client
import json
import re
from dataclasses import dataclass
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError
from urllib.parse import urlencode, urlsplit
from urllib.request import HTTPCookieProcessor, build_opener

PATIENCE = 60  # seconds that a client waits for an answer


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        """The body as JSON."""
        return json.loads(self.body)

    def __str__(self) -> str:
        return f"{self.status} {self.body[:200]!r}"


class Client:
    """A backend with an API key and one connection, which it opens anew whenever it has been cut."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)
        self._key = {"x-growlytics-key": key}

    def post(self, path: str, body: bytes, headers: dict[str, str] | None = None) -> Answer | None:
        """Send once. None when no whole answer came: the server may or may not have stored it."""
        try:
            self._connection.request("POST", path, body, self._key | (headers or {}))
            got = self._connection.getresponse()
            return Answer(got.status, dict(got.getheaders()), got.read())
        except (OSError, http.client.HTTPException):
            self._connection.close()
            return None

    def close(self) -> None:
        """Hang up."""
        self._connection.close()


class Browser:
    """A person's browser with its cookies."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._opener = build_opener(HTTPCookieProcessor(CookieJar()))

    def get(self, path: str) -> Answer:
        """Open a page, wherever it leads. Status 0: there was no answer at all."""
        return self._open(path, None)

    def sign_in(self, email: str, password: str) -> None:
        """Fill in the form of the login."""
        token = re.search(rb'name="csrf_token"[^>]*value="([^"]+)"', self.get("/login").body)
        assert token is not None, "no form on /login"
        fields = {"csrf_token": token[1].decode(), "email": email, "password": password}
        answer = self._open("/login", urlencode(fields).encode())
        assert b"Sign out" in answer.body, f"could not sign in: {answer}"

    def _open(self, path: str, form: bytes | None) -> Answer:
        try:
            with self._opener.open(f"{self._url}{path}", form, timeout=PATIENCE) as got:
                return Answer(got.status, dict(got.headers), got.read())
        except HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())
        except OSError as error:
            return Answer(0, {}, str(error).encode())
