"""Reading CSV from a stream of bytes: row by row, each with the place where it begins, in bounded memory.

Python's csv module says what a row is. What stands here hands it lines of which it can't get too much, so that a cell
of any size costs its own row. Bytes that are no text in the file's encoding become lone surrogates, by which the cell
can be told that they stand in.
"""

import codecs
import csv
import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

LONGEST_ROW = 1_000_000  # characters; of a longer one the beginning is read, and the rest left out
csv.field_size_limit(3 * LONGEST_ROW)  # beyond what it can get here: nothing else in a process reads CSV

ENCODINGS = {
    "utf-8": "UTF-8",
    "utf-16-le": "UTF-16, little endian",
    "utf-16-be": "UTF-16, big endian",
    "windows-1252": "Windows-1252 (Western European)",
}
DELIMITERS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}
MARK = "\ufeff"  # which a file may begin with, in whatever encoding of Unicode
_LINE_END = re.compile(r"\r\n|\r|\n")
_QUOTE = '"'


class Format(NamedTuple):
    """How a file is written: one of ENCODINGS and one of DELIMITERS."""

    encoding: str
    delimiter: str


class Row(NamedTuple):
    """The cells of a row, and where in the file it begins and ends, in bytes.

    `is_cut`: it was too long to be read. `is_open`: a quotation mark in it is never closed, so it reaches to the end of
    the file, whatever rows there were.
    """

    cells: list[str]
    begin: int
    end: int
    is_cut: bool = False
    is_open: bool = False


def rows(pieces: Iterable[bytes], form: Format, position: int = 0) -> Iterator[Row]:
    """The rows of a file that goes on with these bytes. Empty lines are none.

    `position`: of the first of the bytes in the file, where a row begins.
    """
    lines = _Lines(_decoded(pieces, form.encoding), form.encoding, position)
    reader = csv.reader(lines, delimiter=form.delimiter)
    while True:
        begin, is_cut = lines.position, False
        lines.begin_row()
        cells = next(reader, None)
        if cells is None:
            return
        while lines.is_within_line:
            is_cut = True
            lines.begin_row()
            next(reader, None)  # the file may end where the row was cut
        if any(cells) or len(cells) > 1 or is_cut or lines.is_open:
            yield Row(cells, begin, lines.position, is_cut, lines.is_open)


def _decoded(pieces: Iterable[bytes], encoding: str) -> Iterator[str]:
    # By these, as many bytes as came can be told from the text again.
    decoder = codecs.getincrementaldecoder(encoding)(_keeping(encoding))
    for piece in pieces:
        yield decoder.decode(piece)
    try:
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:  # half a character at the end
        yield "\ufffd"


def _keeping(encoding: str) -> str:
    return "surrogatepass" if encoding.startswith("utf-16") else "surrogateescape"


class _Lines:
    """The lines of a text for the csv module, none longer than a row may be, and how many bytes they are.

    The module asks for another line within a row only while a cell in quotation marks is open.
    """

    def __init__(self, texts: Iterator[str], encoding: str, position: int) -> None:
        self.position = position
        self.is_within_line = False  # whether more of a line follows that was too long
        self.is_open = False  # whether the text has ended within quotation marks
        self._texts, self._encoding = texts, encoding
        self._buffer, self._at, self._is_over = "", 0, False
        self._in_row = 0  # characters
        self._is_first = position == 0

    def begin_row(self) -> None:
        """What is asked for next begins a row."""
        self._in_row = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        """A line, or a part of a long one."""
        if self._in_row > LONGEST_ROW:
            self._skip_cell()
            # The row ends with the cell that was too much; whoever asks gets the rest of it as another.
            self.is_within_line = True
            return f"{_QUOTE}\n"
        line = self._line()
        if not line:
            raise self._ended()
        self._in_row += len(line)
        if self._is_first:
            self._is_first = False
            line = line.removeprefix(MARK) or "\n"
        return line

    def _ended(self) -> StopIteration:
        self.is_open = self.is_open or self._in_row > 0
        return StopIteration()

    def _line(self) -> str:
        while True:
            end = _LINE_END.search(self._buffer, self._at)
            # What ends with a carriage return may go on with its line feed.
            if end is not None and (self._is_over or end.end() < len(self._buffer) or end[0] != "\r"):
                return self._take(end.end(), is_whole=True)
            if len(self._buffer) - self._at > LONGEST_ROW:
                return self._take(self._cut(), is_whole=False)
            if self._is_over:
                return self._take(len(self._buffer), is_whole=True)
            self._read()

    def _cut(self) -> int:
        """Where a line is parted that is too long: not beside a quotation mark, whose meaning its neighbours decide."""
        last = self._at + LONGEST_ROW
        for place in range(last, max(self._at, last - 1_000), -1):
            if _QUOTE not in self._buffer[place - 1 : place + 1]:
                return place
        return last

    def _take(self, end: int, *, is_whole: bool) -> str:
        text, self._at = self._buffer[self._at : end], end
        self.is_within_line = not is_whole
        self.position += self._bytes(text)
        return text

    def _read(self) -> None:
        more = next(self._texts, None)
        self._is_over = more is None
        self._buffer, self._at = self._buffer[self._at :] + (more or ""), 0

    def _skip_cell(self) -> None:
        """Leave out what is up to the mark that ends a cell, and the mark. Raises StopIteration at the file's end."""
        while True:
            end = self._buffer.find(_QUOTE, self._at)
            if end >= 0 and end + 1 == len(self._buffer) and not self._is_over:
                self._read()  # it may be one of two, which stand for one in the cell
                continue
            if end >= 0:
                is_one_of_two = self._buffer[end + 1 : end + 2] == _QUOTE
                self._take(end + 1 + is_one_of_two, is_whole=False)
                if not is_one_of_two:
                    return
            elif self._is_over:
                self._take(len(self._buffer), is_whole=True)
                raise self._ended()
            else:
                self._take(len(self._buffer), is_whole=False)
                self._read()

    def _bytes(self, text: str) -> int:
        if self._encoding == "windows-1252":
            return len(text)
        if text.isascii():
            return len(text) * (2 if self._encoding.startswith("utf-16") else 1)
        return len(text.encode(self._encoding, _keeping(self._encoding)))
