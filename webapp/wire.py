"""Asking other servers: in bounded time, for bounded answers, and nobody but whom was asked."""

import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any, Protocol
from urllib.parse import urlencode
from urllib.request import HTTPHandler, HTTPSHandler, OpenerDirector, ProxyHandler, Request

import orjson

PATIENCE = 5.0  # seconds for one answer, from looking up the name to the last byte
LARGEST = 500_000  # bytes of an answer
_AT_ONCE = 8  # so that a server that hangs can't hold all threads of ours
_TURN = 1.0  # seconds to wait for one of these


class NoAnswerError(Exception):
    """There is no answer that could be used. `reason`: why, in a word or two, for the log."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class CrowdedError(Exception):
    """Too many requests wait for answers at this moment."""


class Authentication(Protocol):
    """What signs a request: Authlib's."""

    def prepare(self, method: str, uri: str, headers: dict[str, str], body: str) -> tuple[str, dict[str, str], str]: ...


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has said, in the way in which Authlib reads the answers of Requests."""

    status_code: int
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON. Raises ValueError."""
        return orjson.loads(self.body)

    def raise_for_status(self) -> None:
        """Raises NoAnswerError unless it is a success: redirects are none, as they aren't followed."""
        if not 200 <= self.status_code < 300:
            raise NoAnswerError(f"status {self.status_code}")


class Wire:
    """Requests that never take longer than they may, however slowly a name, a connection or an answer comes."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="wire")
        self._turns = threading.BoundedSemaphore(_AT_ONCE)

    def get(self, url: str) -> dict[str, Any]:
        """The JSON object at an address. Raises NoAnswerError and CrowdedError."""
        answer = self._sent(Request(url, headers={"Accept": "application/json"}))  # noqa: S310 - is_secure(url)
        answer.raise_for_status()
        try:
            found = answer.json()
        except ValueError:
            raise NoAnswerError("no JSON") from None
        if not isinstance(found, dict):
            raise NoAnswerError("no JSON object")
        return found

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str], auth: Authentication) -> Answer:
        """Send a form. Raises NoAnswerError and CrowdedError."""
        url, signed, body = auth.prepare("POST", url, dict(headers), urlencode(data))
        return self._sent(Request(url, body.encode(), signed))  # noqa: S310 - is_secure(url)

    def _sent(self, request: Request) -> Answer:
        if not self._turns.acquire(timeout=_TURN):
            raise CrowdedError
        try:
            answer: Future[Answer] = self._threads.submit(_answer, request)
            try:
                return answer.result(PATIENCE)
            except TimeoutError:
                answer.cancel()
                raise NoAnswerError("timeout") from None
        finally:
            self._turns.release()


def _answer(request: Request) -> Answer:
    opener = OpenerDirector()  # of its own making: the usual one follows redirects, and opens files
    is_near = request.type == "http"  # on this machine, where no proxy leads
    for handler in (ProxyHandler({} if is_near else None), HTTPHandler(), HTTPSHandler()):
        opener.add_handler(handler)
    until, body = time.monotonic() + PATIENCE, b""
    try:
        with opener.open(request, timeout=PATIENCE) as response:
            while part := response.read1(65_536):
                body += part
                if len(body) > LARGEST:
                    raise NoAnswerError("too large")
                if time.monotonic() > until:  # nobody waits for it any more, and the thread is needed
                    raise NoAnswerError("timeout")
            return Answer(response.status, body)
    except (OSError, HTTPException, ValueError) as error:
        raise NoAnswerError(type(error).__name__) from None
