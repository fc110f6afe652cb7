"""Settings › Audit log: what it shows, finds and exports; what the console tells of it."""

import csv
import html
import io
import json
import re
from collections.abc import Sequence
from typing import Any

import pytest
from click.testing import CliRunner
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.test_settings import GOOD
from tests.visitors import T0, tell, values, words
from tests.world import PASSWORD, Shop, submit
from webapp import audit, audit_exports, audit_log, clock
from webapp.audit import Who
from webapp.cli import commands
from webapp.models import AuditEntry, Customer, Membership, User

DAY = clock.DAY
MARCH = 1_772_303_400_000  # 2026-03-01, midnight in the workspace's zone


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_exports, "AT_ONCE", 7)


def _done(shop: Shop, number: int, action: str = "note.added", actor: str = "carol@shop.example", **more: Any) -> None:
    """So many notes by somebody."""
    who = Who(shop.workspace.id, actor, None, "192.0.2.7")
    with shop.database.write() as session:
        for place in range(number):
            audit.note(session, who, action, more.get("target", f"target {place}"), **more.get("details", {}))


def _at(shop: Shop, moments: Sequence[int]) -> None:
    with shop.database.write() as session:
        for at in moments:
            entry = AuditEntry(workspace_id=shop.workspace.id, at=at, actor="carol@shop.example", action="note.added",
                               target=str(at), details="{}")  # fmt: skip
            session.add(entry)
            session.flush()


def _page(browser: FlaskClient, query: str = "") -> str:
    answer = browser.get(f"/settings/audit{query}")
    assert answer.status_code == 200
    return answer.text


def _entries(page: str) -> list[str]:
    found = re.findall(r"<li>\s*<time.*?</time>(.*?)<details", page, re.DOTALL)
    return [words(re.sub(r"<small>.*?</small>", "", one)) for one in found]


def test_entries_stand_newest_first_in_words_with_links(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    path = shop.profile_path()
    submit(alice, "/settings/keys", name="Tills")
    submit(alice, f"{path}/tags", form_on=path, tag="VIP")
    page = _page(alice)
    growlytics_id = shop.find().growlytics_id
    assert _entries(page) == [
        f"alice@shop.example put the tag vip on the customer {growlytics_id}",
        "alice@shop.example made the API key Tills",
        "alice@shop.example signed in",
    ]
    assert f'href="{path}"' in page
    assert re.search(r'href="/settings/keys/[0-9a-f]{12}">Tills</a>', page)


def test_target_that_is_no_more_is_no_link(shop: Shop, alice: FlaskClient) -> None:
    _done(shop, 1, target="0123456789abcdef01234567")
    _done(shop, 1, "key.revoked", target="0123456789ab", details={"name": "Gone"})
    page = _page(alice)
    assert _entries(page)[0] == "carol@shop.example revoked the API key Gone"
    assert "from 192.0.2.7" in words(page)
    assert '<a href="/customers/0123' not in page
    assert ">Gone</a>" not in page


def test_action_of_another_version_is_told_by_its_name(shop: Shop, alice: FlaskClient) -> None:
    _done(shop, 1, "rocket.launched", target="Moon")
    assert _entries(_page(alice))[0] == "carol@shop.example rocket.launched Moon"


@pytest.mark.parametrize(
    ("query", "number"),
    [
        ("?actor=carol@shop.example", 3),
        ("?actor=Carol@Shop.Example", 3),
        ("?actor=nobody", 0),
        ("?action=key.revoked", 2),
        ("?action=Keys", 3),
        ("?action=keys&actor=carol@shop.example", 1),
        ("?action=nonsense", 0),
        ("?target=Moon", 2),
        ("?target=moon", 0),
        ("?target=Moon&action=key.revoked&actor=dan@shop.example", 1),
        ("?target=Moon&action=Customers", 0),
        ("?actor=%00", 6),
        ("?before=nonsense", 6),
    ],
)
def test_filters_combine(shop: Shop, alice: FlaskClient, query: str, number: int) -> None:
    _done(shop, 2, "note.added", target="Earth")
    _done(shop, 1, "key.revoked", target="Moon")
    _done(shop, 1, "key.revoked", "dan@shop.example", target="Moon")
    _done(shop, 1, "key.created", "dan@shop.example", target="Mars")
    page = _page(alice, query)
    assert len(_entries(page)) == number
    assert ("Nothing like it has been done." in page) == (number == 0)


def test_pages_follow_one_another(shop: Shop, alice: FlaskClient) -> None:
    _done(shop, 120)
    seen: list[str] = []
    query, pages = "?actor=carol@shop.example", 0
    while query:
        page = _page(alice, query)
        seen += re.findall(r"<dt>Target</dt><dd>(.*?)</dd>", page)
        older = re.search(r'<a class="button" rel="next" href="/settings/audit(.*?)"', page)
        query, pages = html.unescape(older[1]) if older else "", pages + 1
    assert pages == 3
    assert seen == [f"target {place}" for place in reversed(range(120))]


def test_what_is_tested_along_the_way_is_looked_for_further_on_request(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(audit_log, "MOST_TESTED", 10)
    _done(shop, 1, actor="dan@shop.example")
    _done(shop, 25)
    query, looks = "?action=note.added&actor=dan@shop.example", 0
    while not _entries(page := _page(alice, query)):
        further = re.search(r'href="/settings/audit([^"]*)">Look further', page)
        assert further is not None
        query, looks = html.unescape(further[1]), looks + 1
    assert looks == 2
    (row,) = csv.DictReader(io.StringIO(_exported(alice, "csv", "?action=note.added&actor=dan@shop.example")))
    assert row["target"] == "target 0"


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("from=2026-03-03", range(2, 30)),
        ("to=2026-03-03", range(3)),
        ("from=2026-03-03&to=2026-03-04", (2, 3)),
        ("from=2026-04-30", ()),
        ("to=2026-02-28", ()),
        ("from=2026-03-04&to=2026-03-03", ()),
        ("from=1970-01-01&to=9998-01-01", range(30)),
        ("from=yesterday", range(30)),
    ],
)
def test_days_are_those_of_the_workspace(
    shop: Shop, alice: FlaskClient, charlie: FlaskClient, query: str, expected: Sequence[int]
) -> None:
    _at(shop, [MARCH + place * DAY for place in range(30)])
    found = re.findall(r"<dt>Target</dt><dd>(\d+)</dd>", _page(alice, f"?actor=carol@shop.example&{query}"))
    assert sorted(map(int, found)) == [MARCH + place * DAY for place in expected]


def test_entries_of_transactions_that_overlapped_are_found_by_day(shop: Shop, alice: FlaskClient) -> None:
    """The later id has the earlier time."""
    _at(shop, [MARCH - 2 * DAY, MARCH + 5, MARCH - 5, MARCH + DAY])
    page = _page(alice, "?actor=carol@shop.example&to=2026-02-28")
    assert re.findall(r"<dt>Target</dt><dd>(\d+)</dd>", page) == [str(MARCH - 5), str(MARCH - 2 * DAY)]
    page = _page(alice, "?actor=carol@shop.example&from=2026-03-01")
    assert re.findall(r"<dt>Target</dt><dd>(\d+)</dd>", page) == [str(MARCH + DAY), str(MARCH + 5)]


def test_another_workspace_sees_nothing_of_it(shop: Shop, alice: FlaskClient, charlie: FlaskClient) -> None:
    _done(shop, 3)
    with shop.database.write() as session:
        audit.note(session, audit.console(None), "workspace.created", "Nobody's")
    assert _entries(_page(charlie)) == ["charlie@other.example signed in"]
    assert "carol@shop.example" not in _page(charlie)
    assert "Nobody&#39;s" not in _page(charlie) + _page(alice)
    assert "carol@shop.example" not in _exported(charlie, "ndjson")


def test_details_tell_what_a_setting_was(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, "/settings/workspace", **GOOD)
    page = words(_page(alice))
    assert "Time zone Asia/Kolkata → Europe/Berlin" in page
    assert "Merges" not in page  # which is as it was
    before = len(_entries(_page(alice)))
    submit(alice, "/settings/workspace", **GOOD)
    assert len(_entries(_page(alice))) == before


def test_lists_of_settings_are_told_by_what_is_new_and_gone(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, "/settings/website/origins", form_on="/settings/website", origins="https://a.example")
    submit(alice, "/settings/website/origins", form_on="/settings/website", origins="https://b.example")
    page = words(_page(alice, "?action=origins.changed"))
    assert "Added https://b.example Removed https://a.example" in page


def test_what_is_given_is_escaped(shop: Shop, alice: FlaskClient) -> None:
    bad = "<script>alert(1)</script>"
    _done(shop, 1, "segment.renamed", bad, target=bad, details={"name": bad, bad: {bad: [bad, None, 1]}})
    assert bad not in _page(alice)


def _exported(browser: FlaskClient, format_: str, query: str = "") -> str:
    answer = browser.get(f"/settings/audit/export.{format_}{query}")
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert f'.{format_}"' in answer.headers["Content-Disposition"]
    return answer.text.removeprefix("\ufeff")


def test_export_has_all_that_is_asked_for_once(shop: Shop, alice: FlaskClient) -> None:
    _done(shop, 40, details={"name": "é"})
    rows = list(csv.DictReader(io.StringIO(_exported(alice, "csv", "?actor=carol@shop.example"))))
    assert [row["target"] for row in rows] == [f"target {place}" for place in reversed(range(40))]
    assert (rows[0]["workspace"], rows[0]["address"]) == ("Alice's shop", "192.0.2.7")
    assert json.loads(rows[0]["details"]) == {"name": "é"}
    objects = [json.loads(line) for line in _exported(alice, "ndjson").splitlines()]
    assert [one["action"] for one in objects] == ["audit.exported"] * 2 + ["note.added"] * 40 + ["login.succeeded"]
    assert objects[0]["details"] == {"format": "ndjson", "filters": {}}
    assert objects[1]["details"] == {"format": "csv", "filters": {"actor": "carol@shop.example"}}


def test_export_has_no_formula(shop: Shop, alice: FlaskClient) -> None:
    _done(shop, 1, "attribute.pinned", target="=cmd()")
    (row,) = csv.DictReader(io.StringIO(_exported(alice, "csv", "?action=attribute.pinned")))
    assert row["target"] == "'=cmd()"


def test_export_of_customers_is_noted_without_what_is_sought(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", email="asha@example.com", City="Pune")
    query = "where=email+%3D+asha@example.com&where=has+City&column=attribute:City"
    assert alice.get(f"/customers/export.csv?{query}").status_code == 200
    (line,) = _exported(alice, "ndjson", "?action=customers.exported").splitlines()
    assert json.loads(line)["details"] == {
        "number": 1, "counted": "exact", "filters": ["email = …", "has City"], "columns": ["Name", "City"],
    }  # fmt: skip


def test_merges_are_noted_with_both_ids(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    tell(shop, values("tablet", T0, City="Pune"))
    path = shop.profile_path()
    with shop.database.read() as session:
        visitor = session.scalars(select(Customer.growlytics_id).where(Customer.system_id.is_(None))).one()
    submit(alice, f"{path}/merges", form_on=path, **{"with": visitor})
    root = shop.find().growlytics_id
    assert _entries(_page(alice, f"?target={root}")) == [
        f"alice@shop.example merged {visitor} into the customer {root}"
    ]
    link = re.search(r'href="(/settings/audit\?target=[^"]*)"', alice.get(path).text)
    assert link is not None
    assert link[1] == f"/settings/audit?target={root}"


def test_only_administrators_are_led_from_a_profile_to_the_log(
    shop: Shop, alice: FlaskClient, bob: FlaskClient
) -> None:
    shop.customer("u1")
    assert "/settings/audit" not in bob.get(shop.profile_path()).text


def test_what_fails_is_not_noted(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1")
    path = shop.profile_path()
    before = _entries(_page(alice))
    submit(alice, f"{path}/notes", form_on=path, text=" ")
    submit(alice, f"{path}/tags", form_on=path, tag="")
    submit(alice, f"{path}/tags/removal", form_on=path, tag="never there")
    submit(alice, f"{path}/pins", form_on=path, name="nothing")
    submit(alice, f"{path}/pins/removal", form_on=path, name="nothing")
    submit(alice, "/settings/account", current="wrong", new="an entirely new secret")
    submit(alice, "/segments", form_on=path, name="", view="where=has+City")
    assert _entries(_page(alice)) == before


def test_what_people_do_to_their_account_is_noted_in_each_of_their_workspaces(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient
) -> None:
    with shop.database.write() as session:
        user_id = session.scalars(select(User.id).where(User.email == "alice@shop.example")).one()
        session.add(Membership(user_id=user_id, workspace_id=other_shop.workspace.id, role="viewer"))
    submit(shop.app.test_client(), "/login", email="alice@shop.example", password=PASSWORD)
    assert _entries(_page(charlie))[0] == "alice@shop.example signed in"
    assert _entries(_page(alice))[0] == "alice@shop.example signed in"


@pytest.fixture
def console(shop: Shop, database_url: str, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """A shell for the shop's database."""
    monkeypatch.setenv("DATABASE_URL", database_url)
    monkeypatch.setenv("SECRET_KEY", "a secret for tests only")
    return CliRunner()


def test_console_sees_everything(shop: Shop, other_shop: Shop, alice: FlaskClient, console: CliRunner) -> None:
    _done(shop, 9, target="a\x1b[2J")
    with shop.database.write() as session:
        audit.note(session, audit.console(None), "counters.recounted")
        audit.note(session, audit.console(other_shop.workspace.id), "user.created", "eve@shop.example", role="admin")
    lines = console.invoke(commands, ["audit", "list", "--number", "4"]).stdout.splitlines()
    assert len(lines) == 4
    assert lines[0].endswith("-                Charlie's shop  console made the user eve@shop.example (admin)")
    assert lines[1].endswith("-                -  console counted the figures of the overview anew")
    assert lines[2].endswith("192.0.2.7        Alice's shop  carol@shop.example wrote a note on the customer a\\x1b[2J")


@pytest.mark.parametrize(
    ("options", "number"),
    [
        (("--actor", "carol@shop.example"), 9),
        (("--action", "Customers", "--workspace", "Alice's shop"), 9),
        (("--action", "note.added", "--workspace", "Charlie's shop"), 0),
        (("--target", "target 3"), 1),
        (("--since", "2026-01-01", "--actor", "carol@shop.example"), 9),
        (("--since", "2100-01-01"), 0),
    ],
)
def test_console_filters(
    shop: Shop, other_shop: Shop, alice: FlaskClient, console: CliRunner, options: Sequence[str], number: int
) -> None:
    _done(shop, 9)
    assert len(console.invoke(commands, ["audit", "list", *options]).stdout.splitlines()) == number


def test_console_exports_and_notes_it(shop: Shop, alice: FlaskClient, console: CliRunner) -> None:
    _done(shop, 9)
    lines = console.invoke(commands, ["audit", "export"]).stdout.splitlines()
    actions = [json.loads(line)["action"] for line in lines]
    assert actions == ["audit.exported", *["note.added"] * 9, "login.succeeded"]
    printed = console.invoke(commands, ["audit", "export", "--format", "csv", "--actor", "console"]).stdout
    assert [row["who"] for row in csv.DictReader(io.StringIO(printed.removeprefix("\ufeff")))] == ["console"] * 2
    assert "console" not in _page(alice), "what belongs to no workspace is for the console"
