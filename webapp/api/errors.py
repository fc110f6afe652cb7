"""The one shape of every error of the API: `{"type", "details": [{"message", "path", "type", "context"}]}`."""

from typing import Any

from flask import Response, jsonify

from webapp.db import Trouble

Fault = dict[str, Any]

TYPES = {
    401: "AuthenticationError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    413: "PayloadTooLargeError",
    422: "ValidationError",
    503: "UnavailableError",
    507: "StorageFullError",
}


class ApiError(Exception):
    """An answer other than 200, with every fault found."""

    def __init__(self, status: int, faults: list[Fault], headers: dict[str, str] | None = None) -> None:
        super().__init__(faults[0]["message"])
        self.status = status
        self.faults = faults
        self.headers = headers or {}


def fault(message: str, type_: str, path: list[str | int] | None = None, **context: Any) -> Fault:
    """One entry of `details`: a message in plain words, the path to the value, a type for programs."""
    path = path or []
    if path:
        context = {"key": path[-1], "label": label(path)} | context
    return {"message": message, "path": path, "type": type_, "context": context}


def label(path: list[str | int]) -> str:
    """`attributes[2].name` for `["attributes", 2, "name"]`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


class Faults:
    """The faults of one body, gathered while it is read. Each is told once, and at most MOST of them in full."""

    MOST = 1000

    def __init__(self) -> None:
        self._found: list[Fault] = []
        self._paths: set[tuple[str | int, ...]] = set()
        self._more = 0

    def add(self, path: list[str | int], message: str, type_: str, **context: Any) -> None:
        """Note a fault. `message` goes on after the value's name: `must be a string`.

        A fault of a whole is left out where a part of it has been found at fault already: it would say the same.
        """
        place = tuple(path)
        if place in self._paths:
            return
        if len(self._found) >= self.MOST:
            self._more += 1
            return
        self._paths.update(place[:length] for length in range(1, len(place) + 1))
        self._found.append(fault(f'"{label(path)}" {message}', type_, path, **context))

    def refuse(self) -> None:
        """Raise ApiError (422) with all faults, if there are any."""
        if self._more:
            self._found.append(fault(f"and {self._more} more faults", "faults.more", count=self._more))
        if self._found:
            raise ApiError(422, self._found)


def answer(error: ApiError) -> Response:
    """The response of an error."""
    response = jsonify({"type": TYPES.get(error.status, "Error"), "details": error.faults})
    response.status_code = error.status
    response.headers.update(error.headers)
    return response


def of_status(status: int, message: str, headers: dict[str, str] | None = None) -> ApiError:
    """An error of HTTP itself: wrong method, unknown path, body too large …"""
    kind = TYPES.get(status, "Error").removesuffix("Error")
    code = "".join(f".{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip(".")
    return ApiError(status, [fault(message, f"request.{code or 'error'}")], headers)


def of_trouble(trouble: Trouble) -> ApiError:
    """What to tell the client when the database can't store now."""
    if trouble is Trouble.FULL:
        return of_status(507, "the server's disk is full; nothing of this request was stored", {"Retry-After": "60"})
    return of_status(503, "the database can't be reached; nothing of this request was stored", {"Retry-After": "2"})
