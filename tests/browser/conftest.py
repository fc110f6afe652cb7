"""A real Chromium, a real server, and a support agent who is signed in."""

import json
import os
import shutil
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, ViewportSize, sync_playwright
from sqlalchemy import delete, text
from sqlalchemy.orm import Session

from tests.browser import slow
from tests.browser.eyes import Eyes
from tests.browser.waiting import PATIENCE
from tests.conftest import settings_for
from tests.server import LiveServer
from tests.world import PASSWORD, Shop
from webapp import create_app, users, workspaces
from webapp.db import Base, Database
from webapp.models import ApiKey

EMAIL = "asha@support.example"
NOON = 1_773_144_000_000  # 2026-03-10, 17:30 in the workspace's zone
PHONE: ViewportSize = {"width": 375, "height": 800}
DESK: ViewportSize = {"width": 1440, "height": 900}
QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip
# For modules whose tests would find the same with both engines.
ON_SQLITE = pytest.mark.parametrize("live_server", ["sqlite"], indirect=True)


@dataclass(frozen=True)
class Backend:
    """A running server as a shop's backend and a support agent see it."""

    server: LiveServer
    url: str  # where browsers find it

    def send(self, path: str, body: dict[str, Any]) -> None:
        """POST to the API; an error answer fails the test."""
        headers = {"x-growlytics-key": self.server.key}
        request = urllib.request.Request(f"{self.server.url}{path}", json.dumps(body).encode(), headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert json.load(answer) == {"success": True}

    def customer(self, id_: str, **attributes: Any) -> None:
        """Create or update a customer."""
        self.send("/track/user", {"id": id_, "attributes": attributes})

    def event(self, id_: str, name: str, time: int, **attributes: Any) -> None:
        """Record an event."""
        self.send("/track/event/v2", {"customerId": id_, "name": name, "time": time, "attributes": attributes})

    def send_batch(self, changes: list[dict[str, Any]]) -> None:
        """Send changes as one batch, of which nothing may be refused."""
        headers = {"x-growlytics-key": self.server.key}
        body = json.dumps({"changes": changes}).encode()
        request = urllib.request.Request(f"{self.server.url}/api/v1/batch", body, headers)  # noqa: S310
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            assert json.load(answer)["accepted"] == len(changes)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--slow", action="store_true", help="let pages come late, and in pieces")


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """Debian's Chromium. Where there is none, that is a failure in CI; elsewhere the tests are skipped, and say so."""
    path = shutil.which("chromium")
    if path is None:
        message = "no Chromium on this machine: apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(message)
        pytest.skip(message)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=list(QUIET))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server_url(live_server: LiveServer, pytestconfig: pytest.Config) -> Iterator[str]:
    """Where browsers find the module's server."""
    if not pytestconfig.getoption("--slow", default=False):
        yield live_server.url
        return
    with slow.way_to(live_server.port) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture
def backend(live_server: LiveServer, server_url: str) -> Backend:
    """The module's server, with a support agent as its user and no customers."""
    database = Database(settings_for(live_server.database_url).url)
    who = users.credentials(EMAIL, PASSWORD)
    database.transact(partial(_start_over, who=who))  # again where a page of the test before is still sending
    database.engine.dispose()
    return Backend(live_server, server_url)


def _forget_audit(session: Session) -> None:
    """Empty the audit log, which nothing but a test can: without what keeps everybody from it, for a moment."""
    if session.get_bind().dialect.name == "postgresql":
        for statement in ("SET LOCAL session_replication_role = replica", "DELETE FROM audit",
                          "SET LOCAL session_replication_role = DEFAULT"):  # fmt: skip
            session.execute(text(statement))
        return
    triggers = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'"
    kept = session.execute(text(triggers)).all()
    for name, _ in kept:
        session.execute(text(f"DROP TRIGGER {name}"))
    session.execute(text("DELETE FROM audit"))
    for _, sql in kept:
        session.execute(text(sql))


def _start_over(session: Session, who: users.Credentials) -> None:
    # Types of attributes stay, and that they came: nothing takes them away, so the server needn't look for those that
    # it knows.
    staying = {"audit", "workspaces", "api_keys", "attribute_types", "countings", "dictionary"}
    tables = [table for table in reversed(Base.metadata.sorted_tables) if table.name not in staying]
    if session.get_bind().dialect.name == "postgresql":  # or an event may come between two of the deletions
        session.execute(text(f"LOCK TABLE {', '.join(table.name for table in tables)} IN EXCLUSIVE MODE"))
    _forget_audit(session)
    for table in tables:
        session.execute(delete(table))
    session.execute(delete(ApiKey).where(ApiKey.kind == "browser"))
    users.create(session, who, workspaces.find(session, None).id, "admin")


@pytest.fixture
def shop(backend: Backend) -> Iterator[Shop]:
    """The support agent's workspace. What is sent with it doesn't go by HTTP."""
    app = create_app(settings_for(backend.server.database_url))
    database: Database = app.extensions["database"]
    with database.read() as session:
        workspace = workspaces.find(session, None)
    yield Shop(app, database, workspace, backend.server.key)
    database.engine.dispose()


@pytest.fixture
def page(chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A signed-in browser page. Errors of scripts and breaches of the Content-Security-Policy fail the test."""
    troubles: list[str] = []
    with visiting(chromium, backend, viewport={"width": 1280, "height": 800}) as page:
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.on("console", lambda message: troubles.append(message.text) if _is_trouble(message) else None)
        sign_in(page)
        yield page
    assert troubles == []


@pytest.fixture
def rough_page(chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A signed-in page whose browser may complain: of requests that fail on purpose."""
    with signed_in(chromium, backend) as page:
        yield page


@pytest.fixture
def eyes() -> Eyes:
    """Eyes for what axe finds, which have seen nothing yet."""
    return Eyes()


@pytest.fixture
def plain_page(chromium: Browser, backend: Backend) -> Iterator[Page]:
    """A signed-in page of a browser with JavaScript switched off."""
    with signed_in(chromium, backend, java_script_enabled=False) as page:
        yield page


@contextmanager
def signed_in(chromium: Browser, backend: Backend, **options: Any) -> Iterator[Page]:
    """A signed-in page of a browser of its own. `options`: those of `Browser.new_context`."""
    with visiting(chromium, backend, **options) as page:
        sign_in(page)
        yield page


@contextmanager
def visiting(chromium: Browser, backend: Backend, **options: Any) -> Iterator[Page]:
    """A page of a browser of its own, in which nobody is signed in. `options`: those of `Browser.new_context`."""
    with chromium.new_context(base_url=backend.url, **options) as context:
        context.set_default_timeout(PATIENCE)
        yield context.new_page()


def _is_trouble(message: ConsoleMessage) -> bool:
    """Whether the browser complains, of more than a page that was asked for and answers with a 4xx."""
    is_page = message.location["url"] == (message.page.url if message.page else None)
    is_refusal = message.text.startswith("Failed to load resource: the server responded with a status of 4")
    return message.type == "error" and not (is_page and is_refusal)


def sign_in(page: Page) -> None:
    """Sign in as the support agent."""
    page.goto("/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/customers")
