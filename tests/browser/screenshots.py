"""Takes the pictures of the documents: `make screenshots`. The shop, its clock and its ids are the same every time."""

import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from types import SimpleNamespace
from typing import Literal, NamedTuple
from unittest.mock import patch

from playwright.sync_api import Browser, ViewportSize, sync_playwright
from sqlalchemy import select
from werkzeug.serving import make_server

from tests.conftest import settings_for
from tests.world import PASSWORD
from webapp import clock, create_app, customers, demo, migrate, start, users, workspaces
from webapp.db import Database
from webapp.models import Customer

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
NOW = 1_795_332_600_000  # Sunday, 22 November 2026, 13:00 in the workspace's zone; epoch ms
CUSTOMERS = 500
EMAIL = "asha@shop.example"
DESK: ViewportSize = {"width": 1280, "height": 860}
PHONE: ViewportSize = {"width": 390, "height": 844}
_CHROMIUM = ("--no-sandbox", "--disable-gpu", "--disable-quic")


class Picture(NamedTuple):
    """What is taken: `path` with `{busy}` for the Growlytics ID of somebody who has done much."""

    name: str
    path: str
    size: ViewportSize = DESK
    theme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("list", "/customers"),
    Picture("search", "/customers?q=asha"),
    Picture("profile", "/customers/{busy}?by=visit"),
    Picture("profile-dark", "/customers/{busy}?by=visit", theme="dark"),
    Picture("overview", "/overview"),
    Picture("data", "/data"),
    Picture("refused", "/refused"),
    Picture("list-phone", "/customers", PHONE),
    Picture("profile-phone", "/customers/{busy}", PHONE),
)


def take(folder: Path) -> None:
    """Fill a shop and take all pictures of it, as PNG."""
    ids, counted = Random("screenshots"), SimpleNamespace()  # noqa: S311 - they are no secrets here
    counted.token_hex = lambda size: ids.randbytes(size).hex()
    with (
        patch.object(clock, "now", lambda: NOW),
        patch.object(customers, "secrets", counted),
        tempfile.TemporaryDirectory() as data,
        _served(f"sqlite:///{data}/shop.sqlite3") as (url, busy),
        _chromium() as browser,
    ):
        folder.mkdir(exist_ok=True)
        for picture in PICTURES:
            _take(browser, url, picture, picture.path.format(busy=busy), folder / f"{picture.name}.png")


@contextmanager
def _served(database_url: str) -> Iterator[tuple[str, str]]:
    """A server in this process, whose clock stands still. Gives its URL, and who has done much."""
    app = create_app(settings_for(database_url))
    database: Database = app.extensions["database"]
    busy = _fill(database)
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    with ExitStack() as end:
        end.callback(database.engine.dispose)
        end.callback(thread.join)
        end.callback(server.shutdown)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}", busy


def _fill(database: Database) -> str:
    migrate.upgrade(database)
    with database.write() as session:
        start.prepare(session)
        workspace = workspaces.find(session, None)
        users.create(session, users.credentials(EMAIL, PASSWORD), workspace.id, "admin")
    demo.fill(database, workspace, CUSTOMERS, lambda _: None)
    query = select(Customer.growlytics_id).where(Customer.system_id.is_not(None), Customer.merging_stopped_at.is_(None))
    with database.read() as session:
        return session.scalars(query.order_by(Customer.event_count.desc(), Customer.id).limit(1)).one()


@contextmanager
def _chromium() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(_CHROMIUM))
        yield browser
        browser.close()


def _take(browser: Browser, url: str, picture: Picture, path: str, file: Path) -> None:
    context = browser.new_context(
        base_url=url,
        viewport=picture.size,
        is_mobile=picture.size == PHONE,
        color_scheme=picture.theme,
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto("/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/customers")
    page.goto(path)
    page.wait_for_load_state("networkidle")
    page.screenshot(path=file)
    context.close()


if __name__ == "__main__":
    take(FOLDER)
