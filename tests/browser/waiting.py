"""How tests wait for what must come: a click on a link or a button doesn't, and pages load slowly on a busy machine.

`pytest tests/browser/test_list.py --slow` proves that they do (slow.py).
"""

import re
import time
from collections.abc import Callable, Sequence

from playwright.sync_api import Locator, Page, expect

PATIENCE = 20_000  # ms, with what a click needs, and with a page
LONG_PATIENCE = 60_000  # ms, with what is done by the way
# Of the browser SDK: what is not answered for yet; and until the page's visit is among it, by a timer behind its own.
UNTOLD = 'Object.keys(localStorage).filter((name) => name.startsWith("growlytics.m."))'
TITLED = "() => new Promise((resolve) => setTimeout(resolve, 150))"
expect.set_options(timeout=15_000)


def opened(page: Page, heading: str | re.Pattern[str]) -> None:
    """Wait for the page with this heading, to its end, and for its scripts: keys and filters do nothing before."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(heading)
    page.wait_for_load_state()


def shows(found: Locator, texts: Sequence[str]) -> None:
    """Wait until what is found has these texts, in whatever order."""
    expect(found).to_have_count(len(texts))
    for text in set(texts):
        same = found.filter(has_text=re.compile(rf"^\s*{re.escape(text)}\s*$"))
        expect(same).to_have_count(texts.count(text))


def copied(page: Page, name: str) -> str:
    """Press a button that copies. Returns what it has put into the clipboard, which takes a moment."""
    button = page.get_by_role("button", name=name).element_handle()  # whose name changes for a moment
    page.wait_for_load_state()
    button.click()
    page.wait_for_function("(button) => button.dataset.label !== undefined", arg=button)
    return str(page.evaluate("navigator.clipboard.readText()"))


def all_told(page: Page) -> None:
    """Wait until a page with the browser SDK has nothing left to tell: page visits wait for their title, too."""
    page.wait_for_function("() => window.Growlytics && !Growlytics._q")  # a function: pages allow no eval
    page.evaluate(TITLED)
    page.wait_for_function(f"() => {UNTOLD}.length === 0", timeout=LONG_PATIENCE)


def until(page: Page, holds: Callable[[], bool], patience: int = LONG_PATIENCE) -> None:
    """Wait for something outside the page, at most `patience` ms; the browser goes on meanwhile."""
    end = time.monotonic() + patience / 1000
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        page.wait_for_timeout(50)
