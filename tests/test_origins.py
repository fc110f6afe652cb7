"""Origins: what is one, and which of them a list allows."""

import pytest

from webapp import origins
from webapp.origins import Strangers


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://shop.example", "https://shop.example"),
        (" HTTPS://Shop.Example/ ", "https://shop.example"),
        ("https://shop.example:443", "https://shop.example"),
        ("http://shop.example:80", "http://shop.example"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
        ("http://[::1]:8080", "http://[::1]:8080"),
        ("https://*.shop.example", "https://*.shop.example"),
        ("shop.example", None),
        ("https://", None),
        ("https://shop.example/path", None),
        ("https://shop.example:0", None),
        ("https://shop.example:65536", None),
        ("https://shop..example", None),
        ("https://*", None),
        ("https://*.*.example", None),
        ("https://a.*.example", None),
        ("ftp://shop.example", None),
        ("null", None),
        ("https://shop.example https://other.example", None),
        ("https://user@shop.example", None),
    ],
)
def test_origin_is_as_browsers_write_it(text: str, origin: str | None) -> None:
    assert origins.normal(text) == origin


def test_list_is_read_line_by_line_with_every_fault() -> None:
    found, faults = origins.parse(
        "https://b.example\n\n HTTPS://A.example/ \nb.example\nhttps://b.example\n" + "x" * 500
    )
    assert found == ["https://b.example", "https://a.example"]
    assert len(faults) == 2
    assert "“b.example”" in faults[0]
    assert max(map(len, faults)) < 200
    assert "100 are allowed" in origins.parse("\n".join(f"https://s{n}.example" for n in range(101)))[1][0]


@pytest.mark.parametrize(
    ("allowed", "origin", "is_allowed"),
    [
        ("https://shop.example", "https://shop.example", True),
        ("https://shop.example", "http://shop.example", False),
        ("https://shop.example", "https://shop.example:8443", False),
        ("https://shop.example", "https://a.shop.example", False),
        ("https://*.shop.example", "https://a.shop.example", True),
        ("https://*.shop.example", "https://shop.example", False),
        ("https://*.shop.example", "https://evilshop.example", False),
        ("https://*.shop.example", "http://a.shop.example", False),
        ("https://*.shop.example:8443", "https://a.shop.example:8443", True),
        ("https://*.shop.example:8443", "https://a.shop.example", False),
        ("https://a.example\nhttps://b.example", "https://b.example", True),
        ("", "", False),
        ("", "null", False),
    ],
)
def test_list_allows_what_is_in_it(allowed: str, origin: str, is_allowed: bool) -> None:
    assert origins.allows(allowed, origin) is is_allowed


def test_strangers_are_remembered_by_workspace_the_last_first_and_not_without_end() -> None:
    strangers = Strangers()
    for number in range(300):
        strangers.note(1, f"https://s{number}.example")
    strangers.note(2, "https://other.example")
    strangers.note(1, "https://s298.example")
    found = strangers.recent(1)
    assert [one.origin for one in found[:2]] == ["https://s298.example", "https://s299.example"]
    assert [one.count for one in found[:2]] == [2, 1]
    assert len(found) == 99
    assert [one.origin for one in strangers.recent(2)] == ["https://other.example"]
