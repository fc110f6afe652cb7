"""Reading CSV: whatever is in a file, its rows come out one by one, and each can be found again by its place."""

import csv
import resource
from collections.abc import Iterator
from datetime import UTC
from io import StringIO
from zoneinfo import ZoneInfo

import pytest

from tests import costs
from webapp import csv_files, csv_shapes, csv_values, exports
from webapp.csv_files import Format, Row
from webapp.csv_values import WrongError

MARKED = '\ufeffid,name\r\n1,"two\r\nlines and a ""quote"""\r\n\r\n2,Zoë\r3,\U0001f600 €\n4,end'
CELLS = [["id", "name"], ["1", 'two\r\nlines and a "quote"'], ["2", "Zoë"], ["3", "\U0001f600 €"], ["4", "end"]]


def _rows(data: bytes, encoding: str = "utf-8", delimiter: str = ",", size: int = 1_000) -> list[Row]:
    pieces = [data[start : start + size] for start in range(0, len(data), size)]
    return list(csv_files.rows(pieces, Format(encoding, delimiter)))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1_000])
def test_rows_come_out_however_the_bytes_arrive(encoding: str, size: int) -> None:
    data = MARKED.encode(encoding)
    found = _rows(data, encoding, size=size)
    assert [row.cells for row in found] == CELLS
    assert found[-1].end == len(data)
    for row in found[1:]:
        (again, *_) = csv_files.rows([data[row.begin :]], Format(encoding, ","), row.begin)
        assert again == row


def test_windows_1252() -> None:
    data = "id;name\n1;Zoë €\n2;x\x81y\n".encode("latin-1", "replace").replace(b"?", b"\x80")
    found = _rows(data, "windows-1252", ";")
    assert [row.cells for row in found[:2]] == [["id", "name"], ["1", "Zoë €"]]
    assert csv_values.unstorable(found[2].cells[1]) == "has bytes that are no text in this encoding"
    assert found[-1].end == len(data)


def test_bytes_that_are_no_text_cost_their_cell() -> None:
    found = _rows(b"a,b\n\xff\xfe,good\n\x00,\xed\xa0\x80\nlast,\xe2\x82")
    assert csv_values.unstorable(found[1].cells[0])
    assert found[1].cells[1] == "good"
    assert csv_values.unstorable(found[2].cells[0]) == "has a NUL character"
    assert csv_values.unstorable(found[2].cells[1])
    assert csv_values.unstorable(found[3].cells[1])
    assert found[3].cells[0] == "last"


def test_quotes_in_the_middle_and_open_ones() -> None:
    found = _rows(b'a,b\n5" pipe,x\n"open, and never\nclosed')
    assert [row.cells for row in found] == [["a", "b"], ['5" pipe', "x"], ["open, and never\nclosed"]]
    assert [row.is_open for row in found] == [False, False, True]


@pytest.mark.parametrize("end", ["", "\n", '""', "x" * 2_000_000, 'x""\n' * 400_000])
@pytest.mark.parametrize("size", [100, 262_144])
def test_a_quotation_mark_that_is_never_closed_is_told(end: str, size: int) -> None:
    if size == 100 and len(end) > 1_000:
        pytest.skip("takes long")
    data = f'id,name\n1,"Bob\n2,Ann\n{end}'.encode()
    titles, found = _rows(data, size=size)
    assert (titles.is_open, found.is_open, found.cells[0], found.end) == (False, True, "1", len(data))
    closed = _rows(data + b'"\n3,Eve\n', size=size)
    assert [row.is_open for row in closed] == [False, False, False]


def test_an_open_mark_behind_a_cell_that_is_too_long_is_told() -> None:
    found = _rows(f'id,name\n1,"{"x" * 1_100_000}",yy,"zz\n2,Ann\n'.encode(), size=262_144)
    assert [row.is_open for row in found] == [False, True]


@pytest.mark.parametrize("end", ["", "\n", ",z", ",z\n"])
@pytest.mark.parametrize("cell", ['"' + "x" * 99 + "\n", '"x', "x"])
def test_the_last_row_is_told_though_it_is_cut(cell: str, end: str) -> None:
    cells = cell + cell.lstrip('"') * (2_100_000 // len(cell.lstrip('"'))) + '"' * cell.startswith('"')
    data = f"id,name\n1,{cells}{end}".encode()
    _, found = _rows(data, size=262_144)
    assert (found.cells[0], found.is_cut, found.is_open, found.end) == ("1", True, False, len(data))


@pytest.mark.parametrize("data", [b"", b"\n\r\n", b"\xef\xbb\xbf"])
def test_nothing(data: bytes) -> None:
    assert _rows(data) == []


@pytest.mark.parametrize("begin", [b'"', b""], ids=["quoted", "plain"])
@pytest.mark.parametrize("cell", [b"x" * 64, b'xx""yyyy' * 8, b"x" * 63 + b"\n"], ids=["plain", "quotes", "lines"])
def test_a_cell_of_100_mb_costs_its_row(begin: bytes, cell: bytes) -> None:
    if not begin and (b'"' in cell or b"\n" in cell):
        pytest.skip("isn't one cell")

    def pieces() -> Iterator[bytes]:
        yield b"id,text\n1," + begin
        for _ in range(400):
            yield cell * (262_144 // len(cell))
        yield begin + b',zz,"ee\nff"\n2,next\n'

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = list(csv_files.rows(pieces(), Format("utf-8", ",")))
    assert [row.is_cut for row in found] == [False, True, False]
    assert found[1].cells[0] == "1"
    assert found[2].cells == ["2", "next"]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 60_000  # kB


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16-le", "utf-16-be", "windows-1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_how_a_file_is_written_is_found_out(encoding: str, delimiter: str) -> None:
    lines = [["id", "name", "note"], *([str(number), "Zoë", "a, b; c"] for number in range(20))]
    data = "\r\n".join(delimiter.join(f'"{cell}"' for cell in line) for line in lines).encode(encoding)
    assert csv_shapes.encoding(data) == encoding
    assert csv_shapes.delimiter(data, encoding) == delimiter
    assert csv_shapes.has_titles(_rows(data, encoding, delimiter))


def test_a_mark_says_the_encoding() -> None:
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert csv_shapes.encoding("\ufeffž".encode(encoding)) == encoding


def test_rows_without_titles() -> None:
    assert not csv_shapes.has_titles(_rows(b"1,Ann,ann@shop.example\n2,Bob,bob@shop.example\n"))
    assert not csv_shapes.has_titles(_rows(b"00001,19970101,1,11.77\n00002,19970112,1,12.00\n"))


@pytest.mark.parametrize(
    ("texts", "type_"),
    [
        (["1", "2.5", "-3"], "number"),
        (["1,234.50", "12"], "number"),
        (["007", "12"], "string"),
        (["+4917012345"], "string"),
        (["7210448301122000"], "string"),
        (["yes", "No"], "boolean"),
        (["2024-01-31", "2024-02-01 10:00"], "date"),
        (["31/01/2024"], "date"),
        (["blue", "1"], "string"),
        ([], "string"),
        (["1"] * 20 + ["none"], "number"),
    ],
)
def test_types_are_found_out(texts: list[str], type_: str) -> None:
    assert csv_values.detected(texts) == type_


@pytest.mark.parametrize(
    ("text", "format_", "expected"),
    [
        ("2024-01-31", "year", "2024-01-30T18:30:00Z"),
        ("2024/1/31 10:00", "year", "2024-01-31T04:30:00Z"),
        ("20240131", "year", "2024-01-30T18:30:00Z"),
        ("2024-01-31T10:00:00.5+01:00", "year", "2024-01-31T09:00:00.500000Z"),
        ("2024-01-31 10:00:00 UTC", "year", "2024-01-31T10:00:00Z"),
        ("31/01/2024 5:30 AM", "day", "2024-01-31T00:00:00Z"),
        ("31.1.24", "day", "2024-01-30T18:30:00Z"),
        ("1/31/2024 12:00 PM", "month", "2024-01-31T06:30:00Z"),
        ("1706659200", "seconds", "2024-01-31T00:00:00Z"),
        ("1706659200000", "milliseconds", "2024-01-31T00:00:00Z"),
    ],
)
def test_dates(text: str, format_: str, expected: str) -> None:
    assert csv_values.value(text, "date", format_, ZoneInfo("Asia/Kolkata")) == expected


@pytest.mark.parametrize(
    ("text", "type_", "format_"),
    [
        ("31/02/2024", "date", "day"),
        ("2024-01-31x", "date", "year"),
        ("25:00", "date", "year"),
        ("12", "date", "seconds"),
        ("nan", "date", "seconds"),
        ("inf", "number", ""),
        ("1e999", "number", ""),
        ("9223372036854775808", "number", ""),
        ("9" * 5_000, "number", ""),
        ("0x10", "number", ""),
        ("١٢", "number", ""),
        ("maybe", "boolean", ""),
        ("ž" * 40_000, "string", ""),
        ("0001-01-01 00:00+14:00", "date", "year"),
        ("2024-01-31 10:00+99:99", "date", "year"),
    ],
)
def test_what_is_no_value(text: str, type_: str, format_: str) -> None:
    with pytest.raises(WrongError):
        csv_values.value(text, type_, format_, UTC)


@pytest.mark.parametrize("type_", ["date", "number", "boolean"])
@pytest.mark.parametrize("text", ["2024-01-31 10:00{}x", "2024-01-31{}x", "1{}x", "{}x"])
@pytest.mark.parametrize("filling", [" ", "1", "1.", ",111"])
def test_what_is_no_value_is_told_soon(type_: str, text: str, filling: str) -> None:
    def told() -> None:
        for format_ in csv_values.TIME_FORMATS:
            with pytest.raises(WrongError):
                csv_values.value(text.format(filling * 60_000), type_, format_, UTC)

    assert costs.cpu_of(told, 1) < 1


def test_runs_of_spaces_are_matched_in_one_way_only() -> None:
    text = f"2024-01-31 10:00{' ' * 60_000}x"
    assert csv_values._DATES["year"].fullmatch(text) is None
    assert costs.cpu_of(lambda: csv_values._DATES["year"].fullmatch(text), 1) < 1


@pytest.mark.parametrize(
    ("cell", "text"),
    [(" a ", "a"), ("'=1", "=1"), ("' +49", "+49"), ("'\t-1", "-1"), ("'72104483", "72104483"), ("'ab'=5", "'ab'=5")],
)
def test_marks_for_spreadsheets_are_taken_off(cell: str, text: str) -> None:
    assert csv_values.text_of(cell) == text


@pytest.mark.parametrize("text", ["=1+1", "  +49123", "@x", "\t=1", "\n-1", "＝1", "'s-Hertogenbosch", "plain", ""])
def test_what_is_exported_is_read_again(text: str) -> None:
    (written,) = csv.reader(StringIO(exports.lines([[text]]), newline=""))
    assert csv_values.text_of(written[0]) == text.strip()


def test_numbers() -> None:
    assert [csv_values.number(text) for text in ("12", "-1.5", "1,234.50", "12,5", "1.234,50", "+7", ".5", "1e3")] == [
        12, -1.5, 1234.5, 12.5, 1234.5, 7, 0.5, 1000.0,
    ]  # fmt: skip
