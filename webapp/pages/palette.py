"""Going somewhere by typing: to customers, segments, pages, settings. Each page has it in a dialog; this is its own."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, g, render_template, request, url_for

from webapp import htmx, search, segments
from webapp.db import database
from webapp.pages.guards import Place, place
from webapp.pages.people import segment_link
from webapp.search import Hit

door = Blueprint("palette", __name__, url_prefix="/go")

_MOST_HITS, _MOST_SEGMENTS = 8, 8
_LONGEST = 300  # characters of what is typed, as the search of the list takes them


class Spot(NamedTuple):
    """A page to go to. `words`: what else it is called, or has on it; `is_admins`: nobody else may see it."""

    title: str
    endpoint: str
    icon: str
    words: str = ""
    is_admins: bool = False

    @property
    def path(self) -> str:
        """Its address."""
        return url_for(self.endpoint)


PAGES = (
    Spot("Overview", "overview.show", "chart", "dashboard figures counts alerts sources countries"),
    Spot("Customers", "people.index", "users", "list people profiles search"),
    Spot("Activity", "feed.show", "activity", "live feed events arrivals"),
    Spot("Data", "data.attributes", "database", "dictionary attributes types near-duplicates"),
    Spot("Events", "data.events", "database", "data dictionary names volume"),
    Spot("Refused", "refused.index", "inbox", "ignored values errors faults replay send again"),
    Spot("API reference", "reference.index", "code", "endpoints fields samples curl try dry run documentation"),
    Spot("Keyboard", "keyboard.show", "keyboard", "keys shortcuts help"),
)
SETTINGS = (
    Spot(
        "Workspace",
        "settings.workspace",
        "building-2",
        "settings name time zone region orders merging masking viewers",
        is_admins=True,
    ),
    Spot("Website", "website.show", "globe", "settings sdk snippet origins signed logins browser", is_admins=True),
    Spot(
        "API keys",
        "api_keys.index",
        "key-round",
        "settings server browser read create rotate revoke limit",
        is_admins=True,
    ),
    Spot("People", "members.show", "users", "settings members roles invite invitations team", is_admins=True),
    Spot("Audit log", "audit.show", "history", "settings who did what when changes export", is_admins=True),
    Spot(
        "Account",
        "account.show",
        "user-round",
        "settings password logins sessions leave workspaces single sign-on linked openid",
    ),
    Spot("Second factor", "second_factor.show", "smartphone", "settings account two-factor totp codes recovery"),
    Spot("New workspace", "founding.form", "building-2", "make create another workspace", is_admins=True),
)


class Group(NamedTuple):
    """Spots under a heading."""

    title: str
    spots: Sequence[Spot]


class SegmentLink(NamedTuple):
    """A segment to go to."""

    name: str
    path: str


@door.get("")
def show() -> str:
    """What is found; htmx asks for the results alone."""
    here, text = place(), request.args.get("q", "").strip()[:_LONGEST]
    drawn = {"q": text, "pages": pages(here, text), **_found(here, text)}
    drawn["number"] = len(drawn["hits"]) + len(drawn["segments"]) + sum(len(one.spots) for one in drawn["pages"])
    return render_template("palette/_results.html" if htmx.wants("results") else "palette/palette.html", **drawn)


def _found(here: Place, text: str) -> dict[str, Any]:
    hits: Sequence[Hit] = ()
    links: list[SegmentLink] = []
    has_more = False
    if text:
        with database().read() as session:
            found = search.find(session, here.workspace, text, is_masked=here.masks)
            named = [one for one in segments.of_workspace(session, here.workspace.id) if _matches(one.name, text)]
        hits, has_more = found.hits[:_MOST_HITS], found.has_more or len(found.hits) > _MOST_HITS
        links = [SegmentLink(one.name, segment_link(one)) for one in named[:_MOST_SEGMENTS]]
    return {"hits": hits, "has_more": has_more, "segments": links}


def pages(here: Place, text: str = "") -> list[Group]:
    """The pages whose names have words that begin with all that is typed; every page where nothing is."""
    groups = [
        Group(title, [one for one in spots if _may_see(here, one) and _matches(f"{one.title} {one.words}", text)])
        for title, spots in (("Pages", PAGES), ("Settings", SETTINGS))
    ]
    return [one for one in groups if one.spots]


def same_page(there: Place, endpoint: str) -> str:
    """The endpoint of a page in another workspace: the same where every workspace has it, else the customers."""
    same = [one for one in (*PAGES, *SETTINGS) if one.endpoint == endpoint and _may_see(there, one)]
    return same[0].endpoint if same else "people.index"


def _may_see(here: Place, spot: Spot) -> bool:
    return here.role == "admin" or not spot.is_admins


def _matches(name: str, text: str) -> bool:
    words = search.fold(name).split()
    return all(any(word.startswith(one) for word in words) for one in search.fold(text).split())


def context() -> dict[str, Any]:
    """What the dialog of every page shows before anything is typed, where somebody is signed in."""
    here: Place | None = g.get("place")
    return {"spots": lambda: [] if here is None else pages(here)}
