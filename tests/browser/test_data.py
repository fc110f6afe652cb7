"""The dictionary in a real browser: found by typing, described, hidden, and the type of an attribute changed."""

import re

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import DESK, PHONE, Backend
from tests.browser.waiting import LONG_PATIENCE, opened


@pytest.fixture
def _people(backend: Backend) -> None:
    for number in range(30):
        age = str(number) if number else "unknown"
        backend.customer(f"A-{number}", name=f"Somebody {number}", City="Pune", **{"Age told": age, "age_told": "x"})


def _change(page: Page, former: str, to: str) -> None:
    page.goto("/data/attribute?name=Age+told")
    page.get_by_label("Change it to").select_option(to)
    page.get_by_role("button", name="See what that would do").click()
    expect(page.locator("#preview")).to_contain_text("Of all 30 values")
    page.get_by_role("button", name=f"Change the type to {to}").click()
    expect(page.get_by_text(f"The type is {to} from now on.")).to_be_visible()
    expect(page.locator("#change")).to_contain_text(f"{former} → {to}")


@pytest.mark.parametrize("size", [PHONE, DESK], ids=["phone", "desk"])
@pytest.mark.usefixtures("_people")
def test_type_is_changed_and_changed_back(page: Page, size: dict[str, int]) -> None:
    page.set_viewport_size({"width": size["width"], "height": size["height"]})
    page.goto("/customers")
    page.get_by_role("link", name="Data").click()
    opened(page, "Data")
    page.get_by_role("searchbox").fill("AGE TOLD")
    expect(page.get_by_text("2 attributes for “AGE TOLD”")).to_be_visible()
    expect(page).to_have_url(re.compile(r"/data\?q=AGE(\+|%20)TOLD$"))
    page.get_by_role("link", name="Age told", exact=True).first.click()
    expect(page.get_by_text("Easily taken for age_told")).to_be_visible()
    _change(page, "string", "number")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    expect(page.locator("#change")).to_contain_text("Done.", timeout=LONG_PATIENCE)
    page.get_by_role("link", name="See what became of it").click()
    expect(page.locator("main")).to_contain_text("29 values converted, 1 could not be")
    page.goto("/customers?where=Age+told+>+27")
    expect(page.locator("#list tbody tr")).to_have_count(2)
    page.goto("/data/attribute?name=Age+told")
    page.get_by_role("button", name="Change it back to string").click()
    expect(page.locator("#change")).to_contain_text("Done.", timeout=LONG_PATIENCE)
    page.goto("/customers?where=Age+told+=+unknown")
    expect(page.locator("#list tbody tr")).to_have_count(1)


@pytest.mark.usefixtures("_people")
def test_description_hiding_and_a_change_without_javascript(plain_page: Page) -> None:
    page = plain_page
    page.goto("/data")
    page.get_by_role("searchbox").fill("city")
    page.get_by_role("button", name="Search", exact=True).click()
    expect(page.get_by_text("1 attribute for “city”")).to_be_visible()
    page.get_by_role("link", name="City", exact=True).click()
    page.get_by_role("textbox", name="Description").fill("Where they live")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("The description is saved.")).to_be_visible()
    page.get_by_role("button", name="Hide it").click()
    expect(page.get_by_text("“City” is hidden")).to_be_visible()
    page.goto("/customers?q=A-1")
    page.get_by_role("link", name="Somebody 1", exact=True).click()
    expect(page.locator("#attributes")).not_to_contain_text("City")
    page.get_by_role("link", name="Show 1 hidden attribute too").click()
    expect(page.locator("#attributes")).to_contain_text("City")
    page.goto("/data/attribute?name=City")
    page.get_by_role("button", name="Show it again").click()
    expect(page.get_by_text("“City” is shown again")).to_be_visible()
    _change(page, "string", "boolean")
    page.get_by_role("button", name="Stop, and change it back").click()
    expect(page.get_by_text("The type is string again.")).to_be_visible()
