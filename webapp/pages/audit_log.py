"""Settings › Audit log: who did what, when and from where, and all of it as a file: for administrators."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from urllib.parse import urlencode

from flask import Blueprint, Response, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, audit_exports, audit_log, clock, customers, days, htmx, keys
from webapp.audit_exports import MIMETYPES, Format
from webapp.audit_log import LAST, Told, Wanted
from webapp.db import database
from webapp.pages.data import entry_link
from webapp.pages.guards import Place, place, who

door = Blueprint("audit", __name__, url_prefix="/settings/audit")

_LONGEST = 300  # characters of what is asked for
_ENTRY = ("event", "attribute")  # the details that name an entry of the dictionary: see dictionary.named


class Asked(NamedTuple):
    """What the address asks for, as it stands there; days are of the workspace's zone, both included."""

    actor: str
    action: str
    target: str
    since: date | None
    until: date | None

    @classmethod
    def of_request(cls) -> "Asked":
        """Read the address. A day that makes no sense is as if it weren't there."""
        since, until = (days.parse(request.args.get(name, "")) for name in ("from", "to"))
        return cls(_text("actor"), _text("action"), _text("target"), since, until)

    def wanted(self, here: Place) -> Wanted:
        """The entries that are asked for. Actors are e-mails, which are kept in lower case."""
        since = None if self.since is None else days.begin(self.since, here.zone)
        until = None if self.until is None else days.end(self.until, here.zone)
        return Wanted(self.actor.casefold(), self.action, self.target, since, until)

    @property
    def pairs(self) -> dict[str, str]:
        """The parameters of the address; what isn't asked for is left out."""
        said = dict(zip(("actor", "action", "target", "from", "to"), self, strict=True))
        return {name: str(one) for name, one in said.items() if one}


def _text(name: str) -> str:
    return request.args.get(name, "").replace("\x00", "").strip()[:_LONGEST]


@door.get("")
def show() -> str:
    """A page of it. htmx asks for the entries alone."""
    here, asked = place(), Asked.of_request()
    below = request.args.get("before", LAST, type=int)
    is_first = not 0 < below < LAST
    with database().read() as session:
        where = audit_log.of_workspace(here.workspace.id)
        part = audit_log.find(session, where, asked.wanted(here), LAST if is_first else below)
        entries = [audit_log.told(row) for row in part.entries]
        links = _links(session, here, entries)
        actors = audit_log.actors(session, here.workspace.id)
    return render_template(
        "settings/_log.html" if htmx.wants("log") else "settings/audit.html",
        asked=asked,
        entries=entries,
        links=links,
        part=part,
        is_first=is_first,
        actors=actors,
        groups=_groups(),
        link=_link,
    )


def _links(session: Session, here: Place, entries: Sequence[Told]) -> dict[int, str]:
    """Where the targets of entries are to be seen, by the entries' ids; none where they are no more."""
    of_kind = {kind: [one.row for one in entries if one.kind == kind] for kind in ("customer", "key")}
    people = customers.known(session, here.workspace.id, {row.target for row in of_kind["customer"]})
    found = {one.public_id for one in keys.of_workspace(session, here.workspace.id)} if of_kind["key"] else set()
    links = {
        row.id: url_for("profile.show", growlytics_id=row.target) for row in of_kind["customer"] if row.target in people
    }
    links |= {row.id: url_for("api_keys.show", public_id=row.target) for row in of_kind["key"] if row.target in found}
    # What has come in stays in the dictionary.
    entered = (one for one in entries if one.kind == "entry")
    return links | {one.row.id: entry_link(*(one.details.get(what, "") for what in _ENTRY)) for one in entered}


def _groups() -> dict[str, list[tuple[str, str]]]:
    """All actions, each with how one chooses it, by heading."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, one in audit.ACTIONS.items():
        groups.setdefault(one.group, []).append((name, _choice(name)))
    return groups


def _choice(action: str) -> str:
    """An action as one chooses it: `Key revoked`."""
    noun, _, past = action.partition(".")
    return f"{noun.capitalize()} {past.replace('_', ' ')}"


def _link(asked: Asked, **more: Any) -> str:
    """The address of the page that asks for the same, and more."""
    query = urlencode(asked.pairs | {name: one for name, one in more.items() if one is not None})
    return f"{url_for('audit.show')}?{query}" if query else url_for("audit.show")


@door.get("/export.csv", defaults={"format_": "csv"})
@door.get("/export.ndjson", defaults={"format_": "ndjson"})
def export(format_: Format) -> ResponseReturnValue:
    """All that is asked for, as CSV or as JSON, an object a line. That it is handed out is noted first."""
    here, asked, base = place(), Asked.of_request(), database()
    base.transact(lambda session: audit.note(session, who(), "audit.exported", format=format_, filters=asked.pairs))
    today = datetime.fromtimestamp(clock.now() / 1000, here.zone).date()
    name = f'attachment; filename="audit-{today}.{format_}"'
    where, names = audit_log.of_workspace(here.workspace.id), {here.workspace.id: here.workspace.name}
    found = audit_exports.pieces(base, where, asked.wanted(here), names, format_)
    headers = {"Content-Disposition": name, "Cache-Control": "no-store"}
    return Response(found, mimetype=MIMETYPES[format_], headers=headers)
