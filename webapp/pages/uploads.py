"""Forms with a file of any size: their fields are read as ever, the file stays on its way until somebody reads it."""

from collections.abc import Iterator
from io import RawIOBase
from typing import IO, TYPE_CHECKING, Any, cast

from flask import Blueprint, request
from werkzeug.datastructures import FileStorage
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

if TYPE_CHECKING:
    from werkzeug.formparser import t_parse_result

_PIECE = 64 * 1024
_MOST_FIELDS = 10
_LONGEST_FIELD = 200_000  # bytes; also of what stands between two pieces of the file
_ENDLESS = 1 << 50


class _Upload(RawIOBase):
    """The file as it arrives. It can be read once, while the request lasts."""

    def __init__(self, events: Iterator[Event]) -> None:
        self._events = events
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        """Fill the buffer. Raises ValueError where the form ends in the middle of the file."""
        while not self._left:
            event = next(self._events, None)
            if not isinstance(event, Data):
                return 0
            self._left = event.data
            if not event.more_data:
                self._events = iter(())  # whatever the form has after it
        piece, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Fields(FormDataParser):
    """Reads the fields up to the first file, which is all that the token of a form and the guards need.

    So no file is taken from whom they turn away, and none is held in memory or in a temporary file.
    """

    def parse(
        self,
        stream: IO[bytes],
        mimetype: str,  # noqa: ARG002 - Werkzeug's; `let_in` has looked at it
        content_length: int | None,  # noqa: ARG002
        options: dict[str, str] | None = None,
    ) -> "t_parse_result":
        boundary = (options or {}).get("boundary", "").encode("ascii", "replace")
        decoder = MultipartDecoder(boundary, _LONGEST_FIELD, max_parts=_MOST_FIELDS)
        fields: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        try:
            self._read(_events(decoder, stream), fields, files)
        except ValueError:
            fields, files = [], []  # as Werkzeug does with what is no form
        return stream, self.cls(fields), self.cls(files)

    @staticmethod
    def _read(events: Iterator[Event], fields: list[tuple[str, str]], files: list[tuple[str, FileStorage]]) -> None:
        name, text = "", b""
        for event in events:
            if isinstance(event, File):
                upload = cast("IO[bytes]", _Upload(events))
                files.append((event.name, FileStorage(upload, event.filename, event.name, headers=event.headers)))
                return
            if isinstance(event, Field):
                name, text = event.name, b""
            elif isinstance(event, Data):
                text += event.data
                if len(text) > _LONGEST_FIELD:
                    raise RequestEntityTooLarge
                if not event.more_data:
                    fields.append((name, text.decode(errors="replace")))


def _events(decoder: MultipartDecoder, stream: IO[bytes]) -> Iterator[Event]:
    is_over = False
    while not is_over:
        piece = stream.read(_PIECE)
        decoder.receive_data(piece or None)
        while not isinstance(event := decoder.next_event(), NeedData | Epilogue):
            yield event
        is_over = isinstance(event, Epilogue)


def let_in(door: Blueprint, endpoint: str) -> None:
    """Have a route of this door take forms with a file. It bounds the file itself, while it reads it."""

    @door.url_value_preprocessor
    def prepare(asked: str | None, _: object) -> None:
        # This comes before the check of the token, which is the first to look into the form.
        if asked == f"{door.name}.{endpoint}" and request.mimetype == "multipart/form-data":
            request.form_data_parser_class = _Fields
            request.max_content_length = _ENDLESS


def drain(most: int) -> None:
    """Throw away so many bytes of what is left of a request: browsers that are cut off while sending show no answer."""
    while most > 0 and (piece := request.stream.read(_PIECE)):
        most -= len(piece)
