"""What the browser SDK costs the pages that carry it: bytes, and time of their main thread in a real Chromium."""

import gzip
import shutil
import statistics
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

from tests.benchmarks import databases
from tests.benchmarks.outcome import BenchmarkError, Outcome
from tests.benchmarks.stage import Stage
from tests.browser.conftest import QUIET
from tests.browser.shop_pages import ShopPages, open_shop
from tests.server import LiveServer
from webapp import workspaces

LARGEST = 5_000  # bytes, gzipped
_LOADS = 10  # of a page in each round
_CALLS = 200
_SETTLED = 1_500  # ms after which the page has told its visit


def run(stage: Stage) -> Outcome:
    """Load a shop's page with the SDK and without, in turn."""
    with_it: list[float] = []
    without: list[float] = []
    calls: list[float] = []
    with stage.database() as url, stage.product(url) as product, _shop(url, product) as shop, _chromium() as browser:
        size = _size(product)
        for _ in range(stage.rounds):
            for copies, found in ((1, with_it), (0, without)):
                shop.copies = copies
                found.append(statistics.median(_main_thread(browser, shop) for _ in range(_LOADS)))
            shop.copies = 1
            calls.append(_call(browser, shop))
    result = Outcome(notes=[f"{_LOADS} loads in a round, each in a browser that has kept nothing."])
    result.measure("size, gzipped", "bytes", [size])
    result.measure("main thread, a page with the SDK", "ms", with_it)
    result.measure("main thread, the same page without it", "ms", without)
    share = [one - other for one, other in zip(with_it, without, strict=True)]
    result.measure("main thread, the SDK's share", "ms", share)
    result.measure("a call of `events.track`", "µs", calls)
    result.at_most("size, gzipped", "bytes", [size], LARGEST)
    return result


@contextmanager
def _shop(url: str, product: LiveServer) -> Iterator[ShopPages]:
    key = product.run("key", "create", "--name", "Website", "--kind", "browser")
    with open_shop(product.url, key) as shop:
        shop.settings = {}
        database = databases.opened(url)
        with database.write() as session:
            workspaces.find(session, None).allowed_origins = shop.url
        database.engine.dispose()
        yield shop


@contextmanager
def _chromium() -> Iterator[Browser]:
    path = shutil.which("chromium")
    if path is None:
        raise BenchmarkError("no Chromium on this machine: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=QUIET)
        yield browser
        browser.close()


def _size(product: LiveServer) -> int:
    with urllib.request.urlopen(f"{product.url}/sdk/growlytics.js", timeout=10) as answer:  # noqa: S310 - our http://
        return len(gzip.compress(answer.read(), 9))


def _main_thread(browser: Browser, shop: ShopPages) -> float:
    """How long a page's main thread is at work (ms) until its visit is told."""
    with _page(browser) as page:
        measuring = page.context.new_cdp_session(page)
        measuring.send("Performance.enable")
        page.goto(shop.url)
        page.wait_for_timeout(_SETTLED)
        found = {one["name"]: one["value"] for one in measuring.send("Performance.getMetrics")["metrics"]}
    return float(found["TaskDuration"] * 1000)


def _call(browser: Browser, shop: ShopPages) -> float:
    """How long a call takes on the average of many, µs."""
    with _page(browser) as page:
        with page.expect_response("**/api/v1/browser") as told:
            page.goto(shop.url)
        if told.value.status != 200:
            raise BenchmarkError(f"the SDK's messages were not taken: {told.value.status}")
        script = (
            "(number) => { const begun = performance.now();"
            " for (let i = 0; i < number; i++) Growlytics.events.track('Add To Cart', {Price: i, Product: 'Pullover'});"
            " return (performance.now() - begun) * 1000 / number; }"
        )
        return float(page.evaluate(script, _CALLS))


@contextmanager
def _page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()
