"""The file of failed rows: mended and imported again it brings what is missing, and unmended nothing."""

import pytest

from tests.importing import failed_rows, failures, figures, run
from tests.world import Shop, rows
from webapp import import_rows, importing
from webapp.import_plans import Target
from webapp.models import Customer


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PAUSE", 0)


def test_failed_rows_can_be_mended_and_imported(shop: Shop) -> None:
    imported = run(shop, "id,note\n,=1+1\n,-2\n,plain\n")
    given = failed_rows(shop, imported).decode()
    assert '"\'=1+1"' in given, "no spreadsheet takes it for a formula"
    mended = given.replace('\n""', '\n"u1"', 1)
    again = run(shop, mended)
    assert figures(again) == {"rows": 3, "created": 1, "failed": 2}
    assert shop.attributes("u1") == {"note": ("string", "=1+1")}


def test_failed_rows_of_a_large_file_are_found_again(shop: Shop) -> None:
    lines = [f"u{number},{'x' * 5_000}\n" if number % 400 else f",{number}\n" for number in range(1, 1_001)]
    imported = run(shop, f"id,text\n{''.join(lines)}")
    assert figures(imported) == {"rows": 1_000, "created": 998, "failed": 2}
    assert [line.split(",")[1:3] for line in failed_rows(shop, imported).decode().splitlines()[1:]] == [
        ['"400"', "401"], ['"800"', "801"],
    ]  # fmt: skip


@pytest.mark.parametrize(
    "row",
    [
        b"u1,Smith, John,j@shop.example\n",
        b"u1,Ann,,surplus\n",
        b'u1,"' + b"x" * 2_100_000 + b'",\n',
        b"u1," + b"x" * 1_100_000 + b",\n",
        b'u1,"Bob\nu2,Ann,\n',
        b"u\x811,Ann,\n",
        b"u\x001,Ann,\n",
        b"=u" + b"1" * 70_000 + b",Ann,\n",
    ],
    ids=["surplus", "empty and surplus", "long cell", "long row", "never closed", "no text", "NUL", "long id"],
)
def test_failed_rows_that_nobody_has_mended_fail_again(shop: Shop, row: bytes) -> None:
    again = failed = run(shop, "id,name,Stadt\nu0,Zoë,Köln\n".encode() + row)
    for _ in range(2):
        again = run(shop, failed_rows(shop, again))
        assert figures(again) == {"rows": 1, "failed": 1}
    assert rows(shop.database, Customer) == 1
    assert figures(failed) == {"rows": 2, "created": 1, "failed": 1}


def test_surplus_cells_stand_behind_the_reasons(shop: Shop) -> None:
    given = failed_rows(shop, run(shop, "id,name,email\nu1,Lee, Ann,ann@shop.example\n")).decode()
    assert given.splitlines()[1].endswith(',2,"the row has 4 cells, but there are 3 columns","ann@shop.example"')
    mended = given.replace('"Lee"," Ann"', '"Lee, Ann","ann@shop.example"').replace(',"ann@shop.example"\r', "\r")
    assert figures(run(shop, mended)) == {"rows": 1, "created": 1}
    assert shop.attributes("u1") == {"name": ("string", "Lee, Ann"), "email": ("string", "ann@shop.example")}


def test_a_text_that_is_cut_is_told(shop: Shop) -> None:
    imported = run(shop, f"id,note\n,{'x' * 70_000}\n")
    (_, given) = failed_rows(shop, imported).decode().splitlines()
    assert "xxx…" in given
    assert given.endswith('"This row is cut, or has � for what is no text: mend it, then empty this cell"')


def test_a_mark_before_spaces_is_taken_off_again(shop: Shop) -> None:
    as_number = {2: Target("attribute", "points", "number")}
    imported = run(shop, "id,name,points\n +49123,@Bob,x1\n", targets=as_number, bad="row")
    given = failed_rows(shop, imported)
    assert b"' +49123" in given
    run(shop, given.replace(b'"x1"', b'"1"'))
    assert shop.attributes("+49123") == {"name": ("string", "@Bob"), "points": ("number", 1)}


def test_a_row_that_is_never_closed_fails(shop: Shop) -> None:
    imported = run(shop, 'id,name\nu1,Ann\nu2,"Bob\nu3,Eve\n')
    assert figures(imported) == {"rows": 2, "created": 1, "failed": 1}
    words = "a quotation mark in the row is never closed; what follows it, to the file’s end, isn’t read"
    assert failures(shop, imported) == {3: [words]}


def test_the_last_row_fails_that_is_cut(shop: Shop) -> None:
    imported = run(shop, f'id,name\nu1,Ann\nu2,"{("x" * 99 + chr(10)) * 12_000}"')
    assert failures(shop, imported) == {3: ["the row is longer than 1,000,000 characters"]}


def test_bytes_that_are_no_text_cost_an_event_its_row(shop: Shop) -> None:
    data = "customer,time,Stadt\nu0,2026-03-01,Köln\n".encode() + b"u1,2026-03-0\x81,x\nu2,2026-03-02,y\n"
    imported = run(shop, data, "events", event_name="Seen", encoding="utf-8")
    assert (imported.state, figures(imported)) == ("done", {"rows": 3, "created": 2, "events": 2, "failed": 1})
    assert failures(shop, imported) == {3: ["time has bytes that are no text in this encoding"]}


def test_whatever_a_reason_says_can_be_kept() -> None:
    assert import_rows.as_json([(0, "is \ud800\x00")]) == '[[0, "is ��"]]'
