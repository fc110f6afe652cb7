"""Pages stay light: all that a browser loads for them, as it goes over the wire, in bytes."""

import gzip
import re

import pytest

from webapp import assets

MOST = {"css": 16_384, "js": 35_840}
_APART = (
    "demo_shop",
    "sdk",
)  # for the demonstration's and for other people's pages: tests/test_sdk_files.py weighs those


@pytest.mark.parametrize("kind", MOST)
def test_files_of_all_pages_together_are_small(kind: str) -> None:
    folder = assets.folder("static")
    files = [one for one in folder.rglob(f"*.{kind}") if one.relative_to(folder).parts[0] not in _APART]
    assert files
    sizes = {one.name: len(gzip.compress(one.read_bytes(), mtime=0)) for one in files}
    assert sum(sizes.values()) < MOST[kind], sizes


def test_pages_load_no_file_but_those_of_the_product() -> None:
    for path in assets.folder("templates").rglob("*.html"):
        if path.parts[-2] != "demo_shop":
            loaded = re.findall(r"<(?:script|link|img|iframe)\b[^>]*?\b(?:src|href)=\"([^\"]*)\"", path.read_text())
            assert all("asset(" in one or one == "{{ picture }}" for one in loaded), path
