"""Settings › Workspace: an administrator takes the whole workspace away as a file."""

import gzip
import json
import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import EMAIL, ON_SQLITE
from tests.world import Shop

pytestmark = ON_SQLITE  # the page is the same with both engines


def test_whole_workspace_is_downloaded(page: Page, shop: Shop) -> None:
    shop.customer("u1", name="Asha Rao")
    page.goto("/settings/workspace")
    with page.expect_download() as waiting:
        page.get_by_role("button", name="Export the workspace").click()
    assert re.fullmatch(r"workspace-\d{4}-\d\d-\d\d\.ndjson\.gz", waiting.value.suggested_filename)
    lines = [json.loads(line) for line in gzip.decompress(waiting.value.path().read_bytes()).splitlines()]
    assert [one["name"] for one in lines if one["kind"] == "customer"] == ["Asha Rao"]
    assert lines[-1]["kind"] == "end"
    page.goto("/settings/audit")
    expect(page.locator(".audit > li").first).to_contain_text(f"{EMAIL} exported the whole workspace")
