"""The boxes of the profile: each fails alone, and comes alone when htmx asks for it."""

import logging
import re

import pytest
from flask.testing import FlaskClient

from tests.world import Shop
from webapp import visits
from webapp.pages import profile

NAMES = [panel.name for panel in profile.PANELS]


def _boxes(page: str) -> list[str]:
    return re.findall(r'<(?:section|header) id="([a-z]+)"', page)


def test_panel_that_fails_says_so_and_leaves_the_others_alone(
    shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    shop.customer(name="Asha Rao", City="Mumbai")
    shop.event("Purchased", Amount=12)
    before = alice.get(shop.profile_path())
    assert (before.status_code, "can’t be shown" in before.text) == (200, False)

    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(visits, "ends", fail)  # what Acquisition and Location read
    with caplog.at_level(logging.ERROR, "webapp.requests"):
        after = alice.get(shop.profile_path())
    assert after.status_code == 200
    assert after.text.count("can’t be shown") == 2
    assert after.headers["X-Request-Id"] in after.text
    assert {"acquisition", "location"} < set(_boxes(after.text)) == set(_boxes(before.text))
    for text in ("Asha Rao", "Mumbai", "Purchased"):
        assert text in after.text
    assert [record.fields["panel"] for record in caplog.records] == ["acquisition", "location"]  # type: ignore[attr-defined]
    assert all(record.exc_info for record in caplog.records)


@pytest.mark.parametrize("name", NAMES)
def test_each_panel_comes_alone(shop: Shop, alice: FlaskClient, name: str) -> None:
    shop.customer(name="Asha Rao")
    part = alice.get(shop.profile_path(), headers={"HX-Request": "true", "HX-Target": name}).text
    assert set(_boxes(part)) <= {name}
    assert "<html" not in part
