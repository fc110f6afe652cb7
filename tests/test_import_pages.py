"""The pages of imports: uploading, looking at what is in a file, trying, importing, and what failed."""

import csv
import re
from html import unescape
from io import BytesIO, StringIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug import formparser
from werkzeug.test import TestResponse

from tests.world import PASSWORD, Shop, rows, submit
from webapp import importing, imports, users
from webapp.background import Background
from webapp.imports import Limits
from webapp.models import AuditEntry, Customer, Event, Import, ImportChunk

PEOPLE = "id,name,email,Points\nu1,Asha Rao,asha@example.com,17\nu2,Ben,ben@example.com,many\nu3,Chitra,,3\n"


@pytest.fixture(autouse=True)
def woken(monkeypatch: pytest.MonkeyPatch) -> list[Background]:
    """Who was woken to work; the tests do the work themselves, when they want it done."""
    found: list[Background] = []

    def wake(one: Background) -> None:
        found.append(one)

    monkeypatch.setattr(Background, "wake", wake)
    return found


def _token(browser: FlaskClient) -> str:
    found = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', browser.get("/help/keyboard").text)
    assert found is not None
    return found[1]


def _upload(browser: FlaskClient, text: str | bytes, kind: str = "customers", name: str = "people.csv") -> TestResponse:
    content = text.encode() if isinstance(text, str) else text
    return browser.post(
        "/imports", data={"csrf_token": _token(browser), "kind": kind, "file": (BytesIO(content), name)}
    )


def _uploaded(browser: FlaskClient, text: str | bytes, kind: str = "customers", name: str = "people.csv") -> str:
    """The address of a file that is there."""
    answer = _upload(browser, text, kind, name)
    assert answer.status_code == 303, answer.text
    return str(answer.location)


def _filled(page: str) -> dict[str, str]:
    """The form of what columns become, as a browser sends it when nobody changes anything."""
    form = page[page.index('id="mapping"') :].partition("</form>")[0]
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    fields |= dict(re.findall(r'<input name="([^"]+)" value="([^"]*)"', form))
    fields |= dict(re.findall(r'<input type="radio" name="([^"]+)" value="([^"]*)" checked', form))
    for name, options in re.findall(r'<select name="([^"]+)"[^>]*>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'value="([^"]*)" selected', options) or re.search(r'value="([^"]*)"', options)
        assert chosen is not None
        fields[name] = chosen[1]
    return {name: unescape(text) for name, text in fields.items()}


def _start(browser: FlaskClient, path: str, **changed: str) -> TestResponse:
    return browser.post(f"{path}/start", data=_filled(browser.get(path).text) | {"dry": "no"} | changed)


def _work(shop: Shop) -> None:
    while importing.go_on(shop.database, shop.app.extensions["import_limits"]):
        pass


def _imported(shop: Shop, browser: FlaskClient, text: str | bytes, kind: str = "customers", **changed: str) -> str:
    path = _uploaded(browser, text, kind)
    answer = _start(browser, path, **changed)
    assert answer.status_code == 303, _text(answer.text)
    _work(shop)
    return path


def _text(page: str) -> str:
    return unescape(" ".join(re.sub(r"<[^>]+>", " ", page.partition("<main")[2]).split()))


def _role(shop: Shop, role: str) -> FlaskClient:
    with shop.database.write() as session:
        users.create(session, users.credentials("dora@shop.example", PASSWORD), shop.workspace.id, role)
    browser = shop.app.test_client()
    assert submit(browser, "/login", email="dora@shop.example", password=PASSWORD).status_code == 302
    return browser


def _limit(shop: Shop, largest_file: int) -> None:
    shop.app.extensions["import_limits"] = Limits(largest_file, None, None)


@pytest.mark.parametrize(("role", "is_let_in"), [("viewer", False), ("editor", True), ("admin", True)])
def test_who_sees_the_button_and_the_pages(shop: Shop, role: str, is_let_in: bool) -> None:
    shop.customer()
    browser = _role(shop, role)
    assert ("Upload CSV" in browser.get("/customers").text) == is_let_in
    for path in ("/imports", "/imports/new"):
        assert (browser.get(path).status_code == 200) == is_let_in
    assert (_upload(browser, PEOPLE).status_code == 303) == is_let_in
    assert rows(shop.database, Import) == is_let_in


def test_shop_without_customers_is_led_there_too(alice: FlaskClient) -> None:
    assert 'href="/imports/new"' in alice.get("/customers").text
    assert "Nothing has been imported yet" in alice.get("/imports").text


def test_preview_tells_what_is_in_the_file(shop: Shop, alice: FlaskClient) -> None:
    path = _uploaded(alice, PEOPLE)
    told = _text(alice.get(path).text)
    assert "3 rows, 4 columns" in told
    assert "Asha Rao" in told
    fields = _filled(alice.get(path).text)
    assert (fields["encoding"], fields["delimiter"], fields["has_header"], fields["bad"]) == ("utf-8", ",", "1", "cell")
    assert [fields[f"target-{place}"] for place in range(4)] == ["id", "name", "email", "attribute"]
    assert (fields["name-3"], fields["type-3"]) == ("Points", "string")
    assert (rows(shop.database, Customer), "people.csv" in alice.get("/imports").text) == (0, True)


def test_other_encoding_and_delimiter_by_the_address(alice: FlaskClient) -> None:
    path = _uploaded(alice, "id;Ort\nu1;Köln\n".encode("windows-1252"))
    assert "Köln" in alice.get(path).text
    again = alice.get(path, query_string={"encoding": "windows-1252", "delimiter": ","}).text
    assert "2 rows, 1 column" in _text(again)
    fields = _filled(again)
    assert (fields["delimiter"], fields["columns"], "has_header" in fields) == (",", "1", False)
    assert alice.get(path, query_string={"encoding": "klingon", "delimiter": "%"}).status_code == 200


def test_export_of_a_product_is_recognised(alice: FlaskClient) -> None:
    titles = "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Phone,Total Spent,Total Orders,Tags"
    path = _uploaded(alice, f"{titles}\n'17,Asha,Rao,asha@example.com,yes,'+919876543210,12.50,3,vip\n")
    told = _text(alice.get(path).text)
    assert "This is a customer export of Shopify" in told
    fields = _filled(alice.get(path).text)
    assert [fields[f"target-{place}"] for place in (0, 3, 5)] == ["id", "email", "mobile"]


def test_type_of_an_attribute_that_is_there_already(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u9", Points=1)
    path = _uploaded(alice, "id,Points\nu1,many\nu2,few\n")
    assert "These look like a string, but the attribute is a number" in _text(alice.get(path).text)
    assert _filled(alice.get(path).text)["type-1"] == "number"


def test_dry_run_stores_nothing_and_leads_to_the_import(
    shop: Shop, alice: FlaskClient, woken: list[Background]
) -> None:
    path = _uploaded(alice, PEOPLE)
    assert _start(alice, path, dry="yes", **{"type-3": "number"}).status_code == 303
    assert woken
    assert "Dry run: nothing is stored" in _text(alice.get(path).text)
    _work(shop)
    page = alice.get(path).text
    told = _text(page)
    assert "Dry run: nothing is stored yet" in told
    assert "Customers would be created 3" in told
    assert "Cells would be ignored 1" in told
    assert "Row 3 Cell ignored Points " in told
    assert rows(shop.database, Customer) == 0
    assert re.search(r'<button[^>]*form="mapping"[^>]*>Import it now', page)
    fields = _filled(page)
    assert fields["type-3"] == "number", "what was tried is filled in"
    assert alice.post(f"{path}/start", data=fields | {"dry": "no"}).status_code == 303
    _work(shop)
    told = _text(alice.get(path).text)
    assert "Imported" in told
    assert "Customers created 3" in told
    assert shop.attributes("u1")["Points"] == ("number", 17)
    assert set(shop.attributes("u2")) == {"name", "email"}
    assert "3 rows · 3 customers created, 1 cell ignored" in _text(alice.get("/imports").text)


def test_bad_value_costs_its_row_if_so_chosen(shop: Shop, alice: FlaskClient) -> None:
    path = _imported(shop, alice, PEOPLE, bad="row", **{"type-3": "number"})
    told = _text(alice.get(path).text)
    assert "Rows that failed 1" in told
    assert "Row 3 Row failed Points " in told
    assert rows(shop.database, Customer) == 2
    answer = alice.get(f"{path}/failed.csv")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    titles, failed = csv.reader(StringIO(answer.get_data(as_text=True).lstrip("\ufeff")))
    assert titles[:4] == ["id", "name", "email", "Points"]
    assert failed[:5] == ["u2", "Ben", "ben@example.com", "many", "3"]


def test_events_are_imported(shop: Shop, alice: FlaskClient) -> None:
    text = "customer_id,time,Amount\nu1,2026-03-01 10:00,12.5\nu1,2026-03-02 11:00,3\n"
    path = _imported(shop, alice, text, "events", event_name="Purchased", **{"type-2": "number"})
    assert "Events stored 2" in _text(alice.get(path).text)
    assert rows(shop.database, Event) == 2
    assert [one.name for one in shop.events("u1")] == ["Purchased", "Purchased"]


def test_every_fault_of_the_mapping_is_told_on_top_and_at_its_field(shop: Shop, alice: FlaskClient) -> None:
    path = _uploaded(alice, PEOPLE)
    answer = _start(alice, path, **{"target-1": "id", "name-3": "", "type-3": "colour"})
    assert answer.status_code == 422
    top = answer.text[answer.text.index('role="alert"') :].partition("</ul>")[0]
    assert len(re.findall("<li>", top)) == 3
    for field in ("target-1", "name-3", "type-3"):
        assert re.search(rf'name="{field}"[^>]*aria-describedby="{field}-fault"', answer.text), field
        assert f'id="{field}-fault"' in answer.text
    assert rows(shop.database, Customer) == 0
    fields = _filled(answer.text)
    assert (fields["target-1"], fields["name-3"]) == ("id", ""), "what was filled in stays"


@pytest.mark.parametrize("changed", [{"columns": "x"}, {"columns": "99999999"}, {"encoding": "klingon"}, {"bad": "no"}])
def test_form_that_no_browser_sends_is_told_of(alice: FlaskClient, changed: dict[str, str]) -> None:
    path = _uploaded(alice, PEOPLE)
    assert _start(alice, path, **changed).status_code == 422
    assert alice.post(f"{path}/start", data={"csrf_token": _token(alice)}).status_code == 422


@pytest.mark.parametrize("number", [1_001, 60_000])
def test_file_of_too_many_columns_has_a_small_page(alice: FlaskClient, number: int) -> None:
    path = _uploaded(alice, f"{','.join(['a'] * number)}\n{','.join(['1'] * number)}\n")
    page = alice.get(path)
    assert f"2 rows, {number:,} columns" in _text(page.text)
    answer = _start(alice, path)
    assert answer.status_code == 422
    for told in (page, answer):
        assert f"The file has {number:,} columns; 1,000 are allowed" in told.text
        assert len(told.data) < 500_000


def test_progress_is_asked_for_until_the_end(shop: Shop, alice: FlaskClient) -> None:
    path = _uploaded(alice, PEOPLE)
    _start(alice, path)
    asking = {"HX-Request": "true", "HX-Target": "progress"}
    page = alice.get(path).text
    assert f'hx-get="{path}" hx-trigger="every 2s"' in page
    assert "Look again" in page
    part = alice.get(path, headers=asking)
    assert part.text.lstrip().startswith('<section id="progress"')
    _work(shop)
    assert alice.get(path, headers=asking).headers["HX-Redirect"] == path


def test_one_that_nobody_works_on_is_worked_on(shop: Shop, alice: FlaskClient, woken: list[Background]) -> None:
    path = _uploaded(alice, PEOPLE)
    _start(alice, path)
    woken.clear()
    alice.get(path)
    assert len(woken) == 1
    with shop.database.write() as session:
        session.execute(update(Import).values(leased_until=9_999_999_999_999))
    woken.clear()
    alice.get(path)
    assert woken == []


def test_cancelling(shop: Shop, alice: FlaskClient) -> None:
    path = _uploaded(alice, PEOPLE)
    _start(alice, path)
    answer = alice.post(f"{path}/cancellation", data={"csrf_token": _token(alice)})
    assert answer.status_code == 303
    _work(shop)
    told = _text(alice.get(path).text)
    assert "Cancelled" in told
    assert rows(shop.database, ImportChunk) == 0
    with shop.database.read() as session:
        noted = session.execute(select(AuditEntry.action, AuditEntry.actor).order_by(AuditEntry.id)).all()
    who = "alice@shop.example"
    assert [tuple(one) for one in noted][-2:] == [("import.started", who), ("import.cancelled", who)]
    alice.post(f"{path}/cancellation", data={"csrf_token": _token(alice)})
    assert "Cancelled" in _text(alice.get(path).text)
    assert alice.post(f"{path}/start", data={"csrf_token": _token(alice)}).status_code in {303, 422}


def test_faults_of_an_upload_are_told_in_words(shop: Shop, alice: FlaskClient) -> None:
    answer = _upload(alice, "")
    assert answer.status_code == 422
    assert 'id="file-fault"' in answer.text
    assert "empty" in _text(answer.text)
    answer = alice.post("/imports", data={"csrf_token": _token(alice), "kind": "events"})
    assert (answer.status_code, "Choose a file." in answer.text) == (422, True)
    assert re.search(r'value="events" checked', answer.text)
    answer = _upload(alice, PEOPLE, kind="dragons")
    assert (answer.status_code, "Say what each row is." in answer.text) == (422, True)
    _limit(shop, 1_000_000)
    answer = _upload(alice, b"id,name\n" + b"u1,x\n" * 300_000)
    assert answer.status_code == 422
    assert "large" in _text(answer.text)
    assert rows(shop.database, ImportChunk) == 0
    with shop.database.read() as session:
        assert imports.latest(session, shop.workspace.id) == []


def _broken_off(token: str) -> bytes:
    fields = {"csrf_token": token, "kind": "customers"}
    parts = [f'--b\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{text}\r\n' for name, text in fields.items()]
    file = '--b\r\nContent-Disposition: form-data; name="file"; filename="a.csv"\r\n\r\nid,name\nu1,As'
    return "".join([*parts, file]).encode()


def test_upload_that_breaks_off_leaves_nothing(shop: Shop, alice: FlaskClient) -> None:
    body = _broken_off(_token(alice))
    answer = alice.post("/imports", data=body, content_type="multipart/form-data; boundary=b")
    assert (answer.status_code, "has not arrived as a whole" in answer.text) == (422, True)
    asked = {"input_stream": BytesIO(body), "content_type": "multipart/form-data; boundary=b"}
    answer = alice.post("/imports", **asked, content_length=str(len(body) + 1000))
    assert answer.status_code in {400, 422}
    assert rows(shop.database, ImportChunk) == 0


@pytest.mark.parametrize(
    "content_type",
    ["multipart/form-data", "multipart/form-data; boundary=b", "text/csv", "multipart/form-data; boundary=é"],
)
@pytest.mark.parametrize("body", [b"", b"--b", b"--b\r\nno header\r\n\r\n", b"id,name\nu1,Asha\n", b"\xff" * 300_000])
def test_what_is_no_form_is_refused(alice: FlaskClient, content_type: str, body: bytes) -> None:
    assert alice.post("/imports", data=body, content_type=content_type).status_code in {400, 413}


class _Counting(BytesIO):
    """What a browser sends, and how much of it was read."""

    taken = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read, and count."""
        piece = super().read(size)
        self.taken += len(piece)
        return piece


def _large(token: str) -> bytes:
    return _broken_off(token) + b"\nu2,x" * 400_000 + b"\r\n--b--\r\n"


def test_file_is_not_taken_from_whom_the_guards_turn_away(shop: Shop, bob: FlaskClient) -> None:
    for token, status in ((_token(bob), 403), ("wrong", 400)):
        sent = _Counting(_large(token))
        size = str(len(sent.getvalue()))
        answer = bob.post(
            "/imports", input_stream=sent, content_type="multipart/form-data; boundary=b", content_length=size
        )
        assert answer.status_code == status
        assert sent.taken < 200_000
    assert rows(shop.database, Import) == 0


@pytest.fixture
def _no_temporary_files(monkeypatch: pytest.MonkeyPatch) -> None:
    def make(*_: Any, **__: Any) -> None:
        raise AssertionError("a file is held on its way")

    monkeypatch.setattr(formparser, "default_stream_factory", make)
    monkeypatch.setattr(formparser, "SpooledTemporaryFile", make)


@pytest.mark.usefixtures("_no_temporary_files")
def test_large_file_arrives_as_it_was_and_is_never_held(shop: Shop, alice: FlaskClient) -> None:
    text = "id,name\r\n" + "".join(f'u{number},"Line\r\n--b {number}\r"\r\n' for number in range(120_000))
    path = _uploaded(alice, text)
    told = _text(alice.get(path).text)
    assert "u0" in told
    with shop.database.read() as session:
        one = imports.find(session, shop.workspace.id, int(path.rpartition("/")[2]))
        assert one.size == len(text)
