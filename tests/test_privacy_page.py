"""The page of privacy, and the console beside it: what a setting would do, making it, and how far it has come."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy import select

from tests.visitors import DAY, T0, page, section, words
from tests.world import Clock, Shop, rows, submit
from webapp import sweeping
from webapp.cli import commands
from webapp.models import AuditEntry, Event, Sweep, Workspace

PATH = "/settings/privacy"
NOW = T0 + 40 * DAY


@pytest.fixture
def filled(shop: Shop, hands: Clock) -> Shop:
    """A shop with forty events, one a day until now."""
    hands.at = NOW
    for day in range(40):
        shop.event("Purchased", T0 + day * DAY)
    return shop


def _days(shop: Shop) -> int | None:
    with shop.database.read() as session:
        return session.get_one(Workspace, shop.workspace.id).retention_days


def _set(browser: FlaskClient, days: str) -> int:
    return submit(browser, f"{PATH}/retention", form_on=PATH, days=days).status_code


def test_preview_says_how_many_events_would_go_and_changes_nothing(filled: Shop, alice: FlaskClient) -> None:
    assert "Events are kept for ever" in words(page(alice, PATH))
    shown = words(page(alice, f"{PATH}?days=30"))
    assert "Keep events for 30 days? 10 of 40 events are from before 20 Mar 2026 and would go" in shown
    assert "Keep events for 30 days, prune 10" in shown
    assert "nothing would go now" in words(page(alice, f"{PATH}?days=400"))
    assert "Keep events for ever?" in words(page(alice, f"{PATH}?days="))
    assert (_days(filled), rows(filled.database, Event), rows(filled.database, Sweep)) == (None, 40, 0)


@pytest.mark.parametrize("text", ["0", "-1", "3651", "many", "1.5", "٣", "9" * 30])
def test_what_is_no_number_of_days_is_told(shop: Shop, alice: FlaskClient, text: str) -> None:
    shown = page(alice, f"{PATH}?days={text}")
    assert "Give a whole number of days from 1 to 3,650" in shown
    assert 'id="preview"' not in shown
    assert _set(alice, text) == 303
    assert _days(shop) is None


def test_setting_is_made_noted_and_worked_off(filled: Shop, alice: FlaskClient, hands: Clock) -> None:
    assert _set(alice, "30") == 303
    assert _days(filled) == 30
    assert "Begins in a moment" in section(page(alice, PATH), "sweeps")
    hands.wait(sweeping.SETTLING)
    sweeping.work_off(filled.database)
    assert rows(filled.database, Event) == 30
    shown = section(page(alice, PATH), "sweeps")
    assert "10 events pruned" in shown
    assert "The next run begins" in shown
    assert "Events of today and the 30 days before are kept" in words(page(alice, PATH))
    with filled.database.read() as session:
        (noted,) = session.scalars(select(AuditEntry).where(AuditEntry.action == "retention.changed"))
    assert noted.details == '{"days":{"from":null,"to":30}}'
    assert _set(alice, "") == 303
    assert (_days(filled), rows(filled.database, Sweep)) == (None, 0)


def test_run_that_is_under_way_tells_how_far_it_is(filled: Shop, alice: FlaskClient) -> None:
    with filled.database.write() as session:
        held = {"worker": "another", "leased_until": NOW + 2 * sweeping.LEASE, "due_at": NOW, "began_at": NOW}
        progress = {"total": 100, "looked_at": 42, "position": 7, "done": 1234}
        session.add(Sweep(workspace_id=filled.workspace.id, kind="events", **held, **progress))
    whole = page(alice, PATH)
    assert "42 of 100 profiles looked at · 1,234 events pruned" in section(whole, "sweeps")
    assert 'value="42"' in whole
    part = page(alice, PATH, HX_Request="true", HX_Target="sweeps")
    assert part.lstrip().startswith('<section id="sweeps"')


def test_only_administrators_come_here(shop: Shop, bob: FlaskClient) -> None:
    assert bob.get(PATH).status_code == 403
    assert submit(bob, f"{PATH}/retention", form_on="/settings/account", days="30").status_code == 403
    assert _days(shop) is None


# By the console.


@pytest.fixture
def console(filled: Shop, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Shop:
    """A shell that is set up for the shop's database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", filled.database.engine.url.render_as_string(hide_password=False))
    monkeypatch.setenv("SECRET_KEY", "a secret for tests only")
    return filled


def _run(*arguments: str, typed: str = "") -> Result:
    return CliRunner().invoke(commands, ["retention", *arguments, "--workspace", "Alice's shop"], input=typed)


def test_console_shows_sets_and_runs(console: Shop) -> None:
    assert "kept for ever" in _run("show").stdout
    refused = _run("set", "30", typed="n\n")
    assert (refused.exit_code, _days(console)) == (1, None)
    assert "Of 40 events, 10 from before 20 Mar 2026 would go." in refused.stdout
    assert _run("set", "30", typed="y\n").exit_code == 0
    assert _days(console) == 30
    assert "10 from before" in _run("run", "--dry-run").stdout
    assert rows(console.database, Event) == 40
    assert _run("run").stdout == "10 events pruned.\n"
    assert rows(console.database, Event) == 30
    assert "ended" in _run("show").stdout
    assert _run("set", "off").exit_code == 0
    assert _days(console) is None
    with console.database.read() as session:
        noted = list(session.scalars(select(AuditEntry.action).order_by(AuditEntry.id)))
    assert noted[-3:] == ["retention.changed", "retention.run", "retention.changed"]


def test_console_says_what_is_wrong(console: Shop) -> None:
    for text in ("0", "many", ""):
        result = _run("set", text)
        assert result.exit_code == 1
        assert result.stderr.startswith("Error: give a")
    with console.database.write() as session:
        held = {"worker": "another", "leased_until": NOW + sweeping.LEASE, "due_at": NOW, "began_at": NOW}
        session.add(Sweep(workspace_id=console.workspace.id, kind="events", **held))
        session.get_one(Workspace, console.workspace.id).retention_days = 30
    assert "a server works on it" in _run("run").stderr
