"""Importing a CSV file in a real browser: looked at, tried, imported, with what failed to take home."""

import csv
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.browser.conftest import DESK, PHONE

PEOPLE = "id;name;Ort;Points\nu1;Asha Rao;Köln;17\nu2;Ben;Goa;many\nu3;Chitra;Pune;3\n".encode("windows-1252")
_SOON = 30_000  # ms; until the server, which may be busy, has worked off a file


def _file(content: bytes, name: str = "people.csv") -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


def _upload(page: Page, content: bytes, row: str = "A customer who") -> None:
    page.goto("/imports/new")
    page.get_by_role("radio", name=row).check()
    page.get_by_label("CSV file").set_input_files(_file(content))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("heading", name="What is in the file")).to_be_visible()


def _look_again(page: Page) -> None:
    """Until it is over: a browser without JavaScript has a link for that."""
    result = page.locator("#result")
    link = page.get_by_role("link", name="Look again")
    expect(result.or_(link)).to_be_visible(timeout=_SOON)
    for _ in range(60):
        if not link.is_visible():
            break
        link.click()
        expect(result.or_(link)).to_be_visible(timeout=_SOON)
    expect(result).to_be_visible(timeout=_SOON)


def _try_and_import(page: Page, downloads: Path) -> None:
    page.get_by_role("radio", name="costs its row").check()
    page.get_by_role("combobox", name="Type of column 4").select_option("number")
    page.get_by_role("button", name="Try it (dry run)").click()
    _look_again(page)
    expect(page.locator("#result")).to_contain_text("Dry run: nothing is stored yet")
    expect(page.locator("#result")).to_contain_text("Rows that would fail 1", use_inner_text=True)
    expect(page.locator("#failures")).to_contain_text("Row 3")
    page.get_by_role("button", name="Import it now").click()
    expect(page.get_by_role("heading", name="Imported", exact=True).or_(page.locator("#progress"))).to_be_visible(
        timeout=_SOON
    )
    _look_again(page)
    expect(page.locator("#result")).to_contain_text("Customers created 2", use_inner_text=True, timeout=_SOON)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV of the row that failed").click()
    file = downloads / "failed.csv"
    download.value.save_as(file)
    titles, failed = csv.reader(StringIO(file.read_text(encoding="utf-8-sig")))
    assert (titles[:4], failed[:5]) == (["id", "name", "Ort", "Points"], ["u2", "Ben", "Goa", "many", "3"])
    page.get_by_role("link", name="See the customers").click()
    expect(page.locator("#list")).to_contain_text("Asha Rao")
    expect(page.locator("#list tbody tr")).to_have_count(2)


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
def test_customers_are_tried_and_imported(page: Page, size: Any, tmp_path: Path) -> None:
    page.set_viewport_size(size)
    page.goto("/customers")
    page.get_by_role("link", name="Upload CSV").click()
    _upload(page, PEOPLE)
    expect(page.get_by_role("region", name="The first rows")).to_contain_text("Köln")
    expect(page.get_by_label("Encoding")).to_have_value("windows-1252")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    _try_and_import(page, tmp_path)


def test_customers_are_tried_and_imported_without_javascript(plain_page: Page, tmp_path: Path) -> None:
    plain_page.set_viewport_size(PHONE)
    _upload(plain_page, PEOPLE)
    _try_and_import(plain_page, tmp_path)


def test_what_a_column_needs_to_be_told_is_asked_for_only_then(page: Page) -> None:
    _upload(page, PEOPLE)
    becomes = page.get_by_role("combobox", name="Becomes (column 3, Ort)")
    name, type_ = page.get_by_label("Attribute of column 3"), page.get_by_label("Type of column 3")
    expect(becomes).to_have_value("attribute")
    expect(name).to_have_value("Ort")
    expect(page.get_by_label("Written as in column 3")).to_be_hidden()
    type_.select_option("date")
    expect(page.get_by_label("Written as in column 3")).to_be_visible()
    becomes.select_option("ignored")
    for field in (name, type_, page.get_by_label("Written as in column 3")):
        expect(field).to_be_hidden()


def test_faults_are_told_and_what_was_filled_in_stays(page: Page) -> None:
    _upload(page, PEOPLE)
    page.get_by_role("combobox", name="Becomes (column 1, id)").select_option("ignored")
    page.get_by_label("Attribute of column 3").fill("")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("Nothing has been started.")
    expect(page.get_by_role("alert").get_by_role("listitem")).to_have_count(2)
    expect(page.get_by_label("Attribute of column 3")).to_have_value("")
    expect(page.get_by_label("Attribute of column 3")).to_have_attribute("aria-invalid", "true")
    page.get_by_label("Attribute of column 3").fill("City")
    page.get_by_role("combobox", name="Becomes (column 1, id)").select_option("id")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Imported", exact=True)).to_be_visible(timeout=_SOON)


def test_events_are_imported(page: Page) -> None:
    _upload(page, b"customer_id,date,Amount\nu1,2026-03-01,12.5\nu1,2026-03-02,3\n", "An event of")
    page.get_by_label("Name of the events").fill("Purchased")
    page.get_by_role("button", name="Import", exact=True).click()
    expect(page.get_by_role("heading", name="Imported", exact=True)).to_be_visible(timeout=_SOON)
    expect(page.locator("#result")).to_contain_text("Events stored 2", use_inner_text=True)
    page.goto("/imports")
    expect(page.locator("main")).to_contain_text("2 events")


def test_file_is_read_another_way_and_removed(page: Page) -> None:
    _upload(page, PEOPLE)
    page.get_by_label("Cells are separated by").select_option("|")
    page.get_by_role("button", name="Read it so").click()
    expect(page.get_by_text("3 rows, 1 column", exact=True)).to_be_visible()
    page.get_by_label("Cells are separated by").select_option(";")
    page.get_by_role("button", name="Read it so").click()
    expect(page.get_by_text("3 rows, 4 columns", exact=True)).to_be_visible()
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Remove the file").click()
    expect(page.get_by_text("Cancelled. The file is removed.")).to_be_visible()


def test_what_is_no_file_is_told_in_words(page: Page) -> None:
    page.goto("/imports/new")
    page.get_by_label("CSV file").set_input_files(_file(b"", "empty.csv"))
    page.get_by_role("button", name="Upload", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("The file is empty.")
