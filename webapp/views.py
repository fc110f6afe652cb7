"""What the customer list shows, as its URL says it: filters, columns, order."""

from dataclasses import dataclass, replace
from typing import Any, get_args
from urllib.parse import parse_qsl, urlencode

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from webapp import columns, matching
from webapp.columns import Column
from webapp.conditions import Condition
from webapp.customers import Status, Wanted
from webapp.matching import Wrong
from webapp.models import Workspace
from webapp.roster import Order, Roster, Sort


@dataclass(frozen=True, slots=True)
class View:
    """One view of the list. `wrong`: filters that can't be used and stay in the URL until somebody takes them out."""

    wanted: Wanted
    conditions: tuple[Condition, ...]
    wrong: tuple[Wrong, ...]
    columns: tuple[Column, ...]
    order: Order

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The parameters of the URL; what is usual is left out."""
        keys = [one.key for one in self.columns]
        said = {
            "status": self.wanted.status != "all" and self.wanted.status,
            "bots": self.wanted.hides_bots and "hidden",
            "sort": self.order.sort != "last_seen" and self.order.sort,
            "order": self.order.is_oldest_first and "oldest",
        }
        return [
            *((name, value) for name, value in said.items() if isinstance(value, str)),
            *(("where", str(one)) for one in self.conditions),
            *(("where", one.text) for one in self.wrong),
            *(("column", key) for key in keys if keys != list(columns.USUAL)),
        ]

    @property
    def query(self) -> str:
        """The parameters as one text, the same for the same view."""
        return urlencode(self.pairs)

    @property
    def is_usual(self) -> bool:
        """Whether it is what the list shows when nobody has asked for anything."""
        return not self.pairs

    def having(self, **changed: Any) -> "View":
        """The same view but for this."""
        return replace(self, **changed)

    def without(self, one: Condition | Wrong) -> "View":
        """The same view without a condition, or without one that can't be used."""
        return replace(
            self,
            conditions=tuple(other for other in self.conditions if other != one),
            wrong=tuple(other for other in self.wrong if other != one),
        )

    def roster(self, session: Session, workspace: Workspace) -> Roster:
        """The list that it shows."""
        return Roster(session, workspace, self.wanted, self.conditions, self.order.sort)


def parse(session: Session, workspace: Workspace, arguments: "MultiDict[str, str]", *, is_masked: bool = False) -> View:
    """Read the parameters of a URL. Nonsense about kinds, order and columns is what is usual.

    `is_masked`: filters that tell a part of an e-mail or mobile can't be used.
    """
    read = matching.read(session, workspace, arguments.getlist("where"), is_masked=is_masked)
    sorting: Sort = _choice(arguments.get("sort"), get_args(Sort))
    return View(
        Wanted(_choice(arguments.get("status"), get_args(Status)), arguments.get("bots") == "hidden"),
        read.conditions,
        read.wrong,
        tuple(columns.parse(arguments.getlist("column"))),
        Order(sorting, arguments.get("order") == "oldest"),
    )


def parse_query(session: Session, workspace: Workspace, query: str) -> View:
    """Read the parameters of a URL that were kept as a text."""
    return parse(session, workspace, MultiDict(parse_qsl(query)))


def _choice(asked: str | None, choices: tuple[str, ...]) -> Any:
    return asked if asked in choices else choices[0]
