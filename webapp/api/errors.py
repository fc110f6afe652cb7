"""The one shape of every error of the API: `{"type", "details": [{"message", "path", "type", "context"}]}`."""

import re
from typing import Any

from webapp import logs
from webapp.api import replies
from webapp.api.replies import Reply
from webapp.db import Trouble
from webapp.ingest.changes import Fault

NOT_TEXT = re.compile("[\x00\ud800-\udfff]")  # NUL and halves of surrogate pairs: not storable, nor to be sent back
# Longer keys are cut in paths: a key of 500 KB above a thousand faults would be repeated in each of them.
_LONGEST_KEY = 100

TYPES = {
    400: "BadRequestError",
    401: "AuthenticationError",
    404: "NotFoundError",
    405: "MethodNotAllowedError",
    409: "ConflictError",
    403: "ForbiddenError",
    413: "PayloadTooLargeError",
    415: "UnsupportedMediaTypeError",
    422: "ValidationError",
    429: "TooManyRequestsError",
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
        self.heard = b""  # of a body that isn't taken, what was read


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
    """The faults of one body, gathered while it is read.

    Past MOST of them the body is refused at once with those: a hostile one could have half a million.
    """

    MOST = 1000
    MOST_CHARACTERS = 200_000  # of all paths together: each may be long, and is told with each fault below it

    def __init__(self) -> None:
        self._found: list[Fault] = []
        self._characters = 0
        self._unfit: set[tuple[str | int, ...]] = set()

    def spoil(self, path: list[str | int], message: str, type_: str) -> None:
        """Note a value that can't be stored whatever it is for. Nothing else is said of it afterwards."""
        self.add(path, message, type_)
        self._unfit.add(tuple(path))

    def add(self, path: list[str | int], message: str, type_: str, **context: Any) -> None:
        """Note a fault. `message` goes on after the value's name: `must be a string`. Raises ApiError past MOST."""
        if tuple(path) in self._unfit:
            return
        if len(self._found) == self.MOST or self._characters > self.MOST_CHARACTERS:
            more = f"there are more faults; these are the first {len(self._found):,}"
            raise ApiError(422, [*self._found, fault(more, "faults.more", limit=len(self._found))])
        shown = [_cut(part) if isinstance(part, str) else part for part in path]
        self._characters += sum(len(part) for part in shown if isinstance(part, str))
        self._found.append(fault(f'"{label(shown)}" {message}', type_, shown, **context))

    def refuse(self) -> None:
        """Raise ApiError (422) with all faults, if there are any."""
        if self._found:
            raise ApiError(422, self._found)


def _cut(key: str) -> str:
    return storable(key, _LONGEST_KEY) + ("…" if len(key) > _LONGEST_KEY else "")


def storable(text: str, most: int) -> str:
    """The first characters of what came as a text, with a � for each that is none."""
    return NOT_TEXT.sub("\ufffd", text[:most])


def reply(error: ApiError) -> Reply:
    """The answer that tells of an error."""
    content: dict[str, Any] = {"type": TYPES.get(error.status, "Error"), "details": error.faults}
    if error.status >= 500:
        content["requestId"] = logs.request_id.get()  # by which it is found in the log
    return replies.of(content, error.status, error.headers)


def of_status(status: int, message: str, headers: dict[str, str] | None = None) -> ApiError:
    """An error of HTTP itself: wrong method, unknown path, body too large …"""
    kind = TYPES.get(status, "Error").removesuffix("Error")
    code = "".join(f".{letter.lower()}" if letter.isupper() else letter for letter in kind).lstrip(".")
    return ApiError(status, [fault(message, f"request.{code or 'error'}")], headers)


def of_trouble(trouble: Trouble) -> ApiError:
    """What to tell the client when the database can't store now."""
    if trouble is Trouble.FULL:
        return of_status(507, "the server's disk is full; nothing of this request was stored", {"Retry-After": "60"})
    return of_status(
        503,
        "the database can't be reached; send the request again, best with the same Idempotency-Key",
        {"Retry-After": "2"},
    )
