"""A program that reads a shop's customers by the API."""

from dataclasses import dataclass
from typing import Any

from werkzeug.test import TestResponse

from tests.world import Shop
from webapp import keys


@dataclass(frozen=True)
class Reader:
    """A program with a read key."""

    shop: Shop
    key: str

    def ask(self, path: str, *query: tuple[str, Any], method: str = "GET", **headers: str) -> TestResponse:
        """Ask for a path below /api/v1; `If_None_Match="…"` adds that header."""
        given = {"x-growlytics-key": self.key} | {name.replace("_", "-"): value for name, value in headers.items()}
        return self.shop.app.test_client().open(
            f"/api/v1/{path}", method=method, headers=given, query_string=list(query) or None
        )

    def read(self, path: str, *query: tuple[str, Any]) -> Any:
        """What it is told; the answer must be a 200."""
        answer = self.ask(path, *query)
        assert answer.status_code == 200, (path, query, answer.text)
        return answer.json

    def faults(self, path: str, *query: tuple[str, Any], status: int = 422) -> list[tuple[str, str]]:
        """The label and the type of every fault in an error of this status."""
        answer = self.ask(path, *query)
        assert answer.status_code == status, (path, query, answer.text)
        assert answer.json is not None
        return [(one["context"].get("label", ""), one["type"]) for one in answer.json["details"]]

    def fault(self, path: str, *query: tuple[str, Any], status: int) -> Any:
        """The only fault in an error of this status."""
        answer = self.ask(path, *query)
        assert answer.status_code == status, (path, query, answer.text)
        assert answer.json is not None
        (found,) = answer.json["details"]
        return found

    def pages(self, path: str, of: str, *query: tuple[str, Any]) -> list[list[Any]]:
        """All pages of a list, one after the other."""
        found: list[list[Any]] = []
        cursor = None
        while not found or cursor is not None:
            page = self.read(path, *query, *(() if cursor is None else [("cursor", cursor)]))
            found.append(page[of])
            cursor = page["next"]
        return found


def reader(shop: Shop, **given: Any) -> Reader:
    """A program with a new read key of a shop."""
    with shop.database.write() as session:
        _, key = keys.create(session, shop.workspace.id, "Reports", "read", **given)
    return Reader(shop, key)
