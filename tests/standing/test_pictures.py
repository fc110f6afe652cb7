"""The documents' pictures are there, and are those that `make screenshots` takes, so that they can be taken anew."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.browser import screenshots

ROOT = Path(__file__).parents[2]
LARGEST = 250_000  # bytes
_NAMED = re.compile(r"!\[[^\]]+\]\(([^)\s]+)\)|<img [^>]*src=\"([^\"]+)\"|<source [^>]*srcset=\"([^\"]+)\"")


def _named() -> Iterator[Path]:
    for document in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md")):
        for found in _NAMED.findall(document.read_text()):
            yield (document.parent / "".join(found)).resolve()


def test_pictures_in_the_documents_are_those_that_are_taken() -> None:
    taken = {screenshots.FOLDER / f"{picture.name}.png" for picture in screenshots.PICTURES}
    assert set(_named()) == taken
    assert set((ROOT / "docs").rglob("*.png")) == taken


def test_pictures_are_pictures_and_not_large() -> None:
    for path in screenshots.FOLDER.iterdir():
        assert path.read_bytes().startswith(b"\x89PNG")
        assert path.stat().st_size < LARGEST, path
