"""Guessing how a CSV file is written from its beginning: encoding, delimiter, whether it has titles."""

import codecs
from collections import Counter
from collections.abc import Sequence

from webapp import csv_files, csv_values
from webapp.csv_files import DELIMITERS, Format, Row

_LOOKED_AT = 200  # rows
_MARKS = {codecs.BOM_UTF8: "utf-8", codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def encoding(head: bytes) -> str:
    """The encoding of a file that begins so. What can't be UTF-8 or UTF-16 is Windows-1252, as Excel writes it."""
    for mark, name in _MARKS.items():
        if head.startswith(mark):
            return name
    # Without a mark UTF-16 is told by its zeros: every other byte, in texts of mostly Latin letters.
    half = max(1, len(head) // 2)
    for name, zeros in (("utf-16-le", head[1::2].count(0)), ("utf-16-be", head[0::2].count(0))):
        if zeros > half * 0.4 and head.count(0) - zeros < half * 0.05:
            return name
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError as error:
        # A single bad byte among other letters that are UTF-8 is an accident, which costs its cell.
        good = head[: error.start].decode()
        is_accident = not good.isascii() and _is_mostly_utf8(head)
        return "utf-8" if is_accident else "windows-1252"
    return "utf-8"


def _is_mostly_utf8(head: bytes) -> bool:
    text = head.decode("utf-8", "surrogateescape")
    bad = sum("\udc80" <= one <= "\udcff" for one in text)
    return bad * 10 < sum(one > "\x7f" for one in text)


def delimiter(head: bytes, encoding_: str) -> str:
    """The delimiter with which most rows at the beginning of a file have equally many cells, and more than one."""

    def fitness(one: str) -> tuple[float, int]:
        numbers = Counter(len(row.cells) for row in first_rows(head, Format(encoding_, one)))
        if not numbers:
            return 0, 0
        width, count = max(numbers.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]))
        return (count / numbers.total() if width > 1 else 0), width

    # Of equally good ones the first, which is the most common.
    return max(DELIMITERS, key=fitness)


def first_rows(head: bytes, form: Format, most: int = _LOOKED_AT, *, is_whole: bool = False) -> list[Row]:
    """The first rows of a file that begins so. The last one may be cut off in the middle, unless that is all of it."""
    found: list[Row] = []
    for row in csv_files.rows([head], form):
        if row.end >= len(head) and not is_whole and found:
            break
        found.append(row)
        if len(found) == most:
            break
    return found


def has_titles(rows: Sequence[Row]) -> bool:
    """Whether the first row looks like one of titles: texts that are no values, no two alike."""
    if not rows:
        return False
    first = [cell.strip() for cell in rows[0].cells]
    told = [cell for cell in first if cell]
    if not told or any("@" in cell or csv_values.detected([cell]) != "string" for cell in told):
        return False
    # Of one row alone nobody can tell; titles are the rule.
    return len(rows) == 1 or len(set(told)) > len(told) / 2
