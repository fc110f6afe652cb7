"""The customer list: its filters, columns and order, its search, and its export."""

from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, urlencode

from flask import Blueprint, Response, abort, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, clock, columns, customers, exports, htmx, masking, search, segments, tags, views
from webapp.conditions import COMPARISONS, Compared, Did, Having, Tagged, Visited
from webapp.cursors import Cursor
from webapp.db import database
from webapp.models import Segment
from webapp.pages.guards import Place, place, who
from webapp.roster import Beside, Page
from webapp.views import View

door = Blueprint("people", __name__, url_prefix="/customers")

# Fields of the forms on the page, which become a filter or a column in the URL.
_ADDING = {
    "attribute", "comparison", "value", "event", "performed", "times", "seen", "came", "origin", "from", "to", "days",
    "tagged", "tag",
}  # fmt: skip


@door.get("")
def index() -> ResponseReturnValue:
    """The list, or what the search found; for a workspace without customers, how to get started."""
    here = place()
    if text := request.args.get("q", "").strip():
        return _found(here, text)
    if (added := _added()) is not None:
        return redirect(_address([*_kept(_ADDING), ("where", added)]))
    with database().read() as session:
        if not customers.exist(session, here.workspace.id):
            return _getting_started()
        if htmx.wants("getting-started"):
            return htmx.go(url_for("people.index"))
        view = views.parse(session, here.workspace, request.args, is_masked=here.masks)
        if "choose" in request.args:
            return redirect(link(_with_another(view), _segment_id()))
        shown = _shown(session, here, view)
    return _list(**shown, **_segments(here, view))


@door.get("/")
def typed() -> ResponseReturnValue:
    """The address as people type it, with a slash at its end."""
    return redirect(url_for("people.index"))


@door.get("/export.csv")
def export() -> ResponseReturnValue:
    """Every customer of a view as CSV. A view with a filter that can't be used isn't exported without it."""
    here, base = place(), database()
    with base.read() as session:
        view = views.parse(session, here.workspace, request.args, is_masked=here.masks)
    if view.wrong:
        abort(400, f"“{view.wrong[0].text}”: {view.wrong[0].why}.")
    with base.read() as session:
        noted = exports.noted(view, view.roster(session, here.workspace).count())
    base.transact(lambda session: audit.note(session, who(), "customers.exported", **noted))
    today = datetime.fromtimestamp(clock.now() / 1000, here.zone).date()
    headers = {"Content-Disposition": f'attachment; filename="customers-{today}.csv"', "Cache-Control": "no-store"}
    pieces = exports.pieces(base, here.workspace, view, is_masked=here.masks)
    return Response(pieces, mimetype="text/csv", headers=headers)


def _found(here: Place, text: str) -> str:
    with database().read() as session:
        found = search.find(session, here.workspace, text, is_masked=here.masks)
    shown = columns.parse(())
    return _list(hits=found.hits, has_more=found.has_more, q=text, shown=shown, **_segments(here, None))


def _shown(session: Session, here: Place, view: View) -> dict[str, Any]:
    beside = Beside(Cursor.parse(request.args.get("older_than")), Cursor.parse(request.args.get("newer_than")))
    roster = view.roster(session, here.workspace)
    page = roster.page(view.order, beside)
    ids = [one.id for one in page.rows]
    values = columns.values(session, here.workspace, ids, view.columns, is_masked=here.masks)
    return {
        "page": page,
        "total": roster.count(len(page.rows)),
        "view": view,
        "values": values,
        "figures": columns.figures(values),
        "stopped": customers.stopped(session, here.workspace.id),
        "attribute_names": columns.attribute_names(session, here.workspace.id),
        "event_names": columns.event_names(session, here.workspace.id),
        "tag_names": tags.of_workspace(session, here.workspace.id),
        **_columns(view),
        **_beside(view, page),
    }


def _columns(view: View) -> dict[str, Any]:
    """The columns shown, and those to choose from: the ones that every customer has, and the attributes shown."""
    others = [one for one in view.columns if one.attribute is not None]
    return {"shown": list(view.columns), "usual": list(columns.USUAL), "choices": columns.built_in() + others}


def _beside(view: View, page: Page) -> dict[str, Beside | None]:
    """Where the pages before and after this one begin, in the order of the list."""
    older = None if page.older is None else Beside(older_than=page.older)
    newer = None if page.newer is None else Beside(newer_than=page.newer)
    before, after = (older, newer) if view.order.is_oldest_first else (newer, older)
    return {"before": before, "after": after}


def _segments(here: Place, view: View | None) -> dict[str, Any]:
    """The segments at the side, and the one that is looked at."""
    with database().read() as session:
        found = segments.of_workspace(session, here.workspace.id)
    segments.refresh(database(), here.workspace, found)
    current = next((one for one in found if view is not None and one.id == _segment_id()), None)
    is_changed = current is not None and view is not None and not _is_same(_query_of(current), view.query)
    return {"segments": found, "segment": current, "is_changed": is_changed, "link": link, "segment_link": segment_link}


def _segment_id() -> int | None:
    return request.args.get("segment", type=int)


def link(view: View, segment_id: int | None = None, beside: Beside | None = None) -> str:
    """The address of a view; `segment_id`: of the segment that it was or began as."""
    pairs = list(view.pairs)
    if segment_id is not None:
        pairs.append(("segment", str(segment_id)))
    if beside is not None:
        pairs += [(name, str(cursor)) for name, cursor in beside._asdict().items() if cursor is not None]
    return _address(pairs)


def segment_link(segment: Segment) -> str:
    """The address of a segment: of its view, and of itself."""
    return f"{url_for('people.index')}?{_query_of(segment)}&segment={segment.id}"


def _query_of(segment: Segment) -> str:
    """What it shows, as far as whoever asks may know it."""
    return masking.segment_query(segment.query) if place().masks else segment.query


def _is_same(query: str, other: str) -> bool:
    """Whether two queries say the same; filters that aren't applied stand behind the others."""
    return sorted(parse_qsl(query)) == sorted(parse_qsl(other))


def _address(pairs: list[tuple[str, str]]) -> str:
    return f"{url_for('people.index')}?{urlencode(pairs)}" if pairs else url_for("people.index")


def _kept(fields: set[str]) -> list[tuple[str, str]]:
    """The parameters of the URL but for these fields of a form."""
    return [(name, value) for name, value in request.args.items(multi=True) if name not in fields]


def _added() -> str | None:
    """The filter that a form adds, as it stands in URLs; whether it is right is told by the list."""
    return next((form() for field, form in _FORMS.items() if field in request.args), None)


def _said(field: str) -> str:
    return request.args.get(field, "").strip()


def _by_attribute() -> str:
    attribute, comparison = _said("attribute"), _said("comparison")
    if comparison in {"has", "lacks"}:
        return str(Having(attribute, comparison == "has"))
    known = next((one for one in COMPARISONS if one == comparison), COMPARISONS[0])
    return str(Compared(attribute, known, _said("value")))


def _by_event() -> str:
    times = _said("times") or "1"
    number = int(times) if times.isdecimal() and len(times) < 10 else 0
    return f"{Did(_said('event'), number, _said('performed') != 'not')}{_range()}"


def _by_time() -> str:
    words = {"first": "first seen", "created": "created"}.get(_said("seen"), "last seen")
    return f"{words}{_range()}"


def _by_visit() -> str:
    return f"{Visited('in' if _said('came') == 'in' else 'by', _said('origin'))}{_range()}"


def _by_tag() -> str:
    return str(Tagged(tags.fold(_said("tag")), _said("tagged") != "not"))


# By a field that only this form has.
_FORMS = {
    "comparison": _by_attribute,
    "performed": _by_event,
    "seen": _by_time,
    "came": _by_visit,
    "tagged": _by_tag,
}


def _range() -> str:
    """The days of a form as they are written in a filter."""
    said = {field: "".join(request.args.get(field, "").split()) for field in ("from", "to", "days")}
    days = f" in {said['days']} days" if said["days"] else ""
    return "".join(f" {field} {said[field]}" for field in ("from", "to") if said[field]) + days


def _with_another(view: View) -> View:
    """The view with the attribute as a column that the form of the columns names."""
    another = request.args.get("another", "").strip()
    keys = [one.key for one in view.columns]
    if another:
        keys.append(columns.of_attribute(another).key)
    return view.having(columns=tuple(columns.parse(keys)))


def _list(**context: Any) -> str:
    is_fragment = htmx.wants("list")
    return render_template(
        "customers/_list.html" if is_fragment else "customers/list.html", is_fragment=is_fragment, **context
    )


def _getting_started() -> ResponseReturnValue:
    if htmx.wants("getting-started"):
        return "", 204  # asked again every few seconds; nothing has come yet
    return render_template("customers/getting_started.html", host=request.host_url.rstrip("/"))
