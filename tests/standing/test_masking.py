"""No page, part of a page or export shows a masked viewer an e-mail or mobile: all of them are crawled.

Routes come from the URL map, so that a new one is crawled by itself, or fails for want of what its address needs; what
else there is (tabs, raw views, other pages, parts that htmx asks for) is found by following what every answer links to.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from html import unescape
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, unquote_plus, urlsplit

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, update
from werkzeug.routing import Rule
from werkzeug.test import TestResponse

from tests import importing as files
from tests.visitors import DAY, MUMBAI, T0, customer, login, seen, tell, values
from tests.world import Shop
from webapp import api, erasing, erasures, importing, segments
from webapp.api.call import KEY_HEADER
from webapp.audit import Who
from webapp.erasures import Asked
from webapp.imports import Limits
from webapp.keys import KINDS
from webapp.models import Arrived, Erasure, Event, Import, RefusedReason, Workspace

# Each place that can hold one has its own. No part of them stands anywhere else.
MARKERS = {
    "present e-mail": "zqpresent@qvpresent.example",
    "former e-mail": "zqformer@qvformer.example",
    "e-mail without a name": "zqnameless@qvnameless.example",
    "merged visitor's e-mail": "zqvisitor@qvvisitor.example",
    "attribute of a customer": "zqbilling@qvbilling.example",
    "attribute of an event": "zqevent@qvevent.example",
    "deep in an event": "zqnested@qvnested.example",
    "large event": "zqlarge@qvlarge.example",
    "gist of an event": "zqgist@qvgist.example",
    "refused body": "zqbody@qvbody.example",
    "ignored value of a customer": "zqignored@qvignored.example",
    "ignored value of an event": "zqunstored@qvunstored.example",
    "segment": "zqsegment@qvsegment.example",
    "mobile": "+91 98765 43210",
    "former mobile": "+91 91234 50978",
    "mobile of an event": "+91 90000 77123",
    "cell of a file": "zqcell@qvcell.example",
    "failed row of a file": "zqfailed@qvfailed.example",
    "erased": "zqerased@qverased.example",
    "erased at the moment": "zqleaving@qvleaving.example",
}
_OF_NOBODY = {"erased", "erased at the moment"}
_MOST_ALIKE = 3  # addresses of one route that ask for the same kinds of things
# Elements for which htmx may ask, beside those that links name; the empty one is the whole page.
_PARTS = ("", "live", "feed", "activities", "attribute-rows", "older", "overview", "list", "results", "samples")


_FILES = {"static", "sdk", "sdk_version"}


class Stop(NamedTuple):
    """An address, and the element for which htmx asks there, if it does."""

    path: str
    target: str = ""


@pytest.fixture
def full(shop: Shop) -> Shop:
    """A shop with all of the markers in it, on people whose profiles have everything."""
    one = MARKERS
    tell(shop, customer("u1", T0, name="Asha", email=one["former e-mail"], mobile=one["former mobile"]))
    tell(shop, customer("u1", T0 + DAY, email=one["present e-mail"], mobile=one["mobile"], Points=3))
    tell(shop, customer("u2", T0, email=one["e-mail without a name"]))
    tell(shop, values("d1", T0 + 1, email=one["merged visitor's e-mail"]), seen("d1", T0 + 2, page="/in", **MUMBAI))
    tell(shop, login("d1", T0 + 3, "u1"))
    shop.customer("u1", **{"Billing E-mail": one["attribute of a customer"]})
    event, path = "attribute of an event", "/rest-api/event"
    told = {"customer": {"E-Mail": one["deep in an event"], "City": "Pune"}, "Phone Number": one["mobile of an event"]}
    shop.event("Order Placed", T0 + DAY, "u1", email=one[event], **told)
    shop.event("Asked", T0 + DAY + 1, "u1", email=one["gist of an event"])
    shop.event("Big", T0 + DAY + 2, "u1", userEmail=one["large event"], text="x" * 30_000)
    shop.send(path, {"customerId": "u1", "name": "Big", "attributes": "none", "email": one["refused body"]})
    shop.customer("u1", **{"Work mail": 5})
    shop.customer("u1", **{"Work mail": one["ignored value of a customer"]})
    shop.event("Rated", T0 + DAY + 3, "u1", email=7)
    shop.event("Rated", T0 + DAY + 4, "u1", email=one["ignored value of an event"])
    with shop.database.write() as session:
        query = f"where={quote('email contains ' + one['segment'])}&where=has+City"
        segments.create(session, shop.workspace.id, "By e-mail", query)
    _import(shop)
    _erase(shop, "u8", "erased")
    erasing.work_off(shop.database, settling=0)
    _erase(shop, "u9", "erased at the moment")
    return shop


def _import(shop: Shop) -> None:
    """A file of which a row has failed, and one that waits to be imported."""
    done = files.upload(shop, f"id,email\nu7,\n,{MARKERS['failed row of a file']}\n")
    files.start(shop, done)
    importing.work_off(shop.database, Limits())
    assert files.figures(files.get(shop, done))["failed"] == 1
    files.upload(shop, f"id,email\nu7,{MARKERS['cell of a file']}\n")


def _erase(shop: Shop, system_id: str, marker: str) -> None:
    """Ask for somebody with a marker to be erased."""
    tell(shop, customer(system_id, T0, email=MARKERS[marker]))
    shop.event("Left", T0, system_id, email=MARKERS[marker])
    asked = Asked("erase", shop.find(system_id).growlytics_id)
    erasures.ask(shop.database, shop.workspace, asked, Who(shop.workspace.id, "clerk"))


def _mask(shop: Shop, mode: str = "always") -> None:
    with shop.database.write() as session:
        session.execute(update(Workspace).where(Workspace.id == shop.workspace.id).values(masking=mode))


def _values(shop: Shop) -> dict[str, list[str]]:
    """What stands for the parts of routes."""
    with shop.database.read() as session:
        events = session.execute(select(Event.reported_at, Event.id)).all()
        reasons = session.scalars(select(RefusedReason.id)).all()
        imports = session.scalars(select(Import.id)).all()
        erasures_ = session.scalars(select(Erasure.public_id)).all()
    return {
        "growlytics_id": [shop.find(one).growlytics_id for one in ("u1", "u2")],
        "cursor": [f"{at}.{id_}" for at, id_ in events],
        "reason_id": [str(id_) for id_ in reasons],
        "kind": ["event", "source", "country"],
        "path": ["track/user"],
        "token": ["none"],
        "id_": [str(id_) for id_ in imports],
        "erasure_id": list(erasures_),
        "public_id": [shop.key.split("_")[1]],
    }


def _queries(shop: Shop) -> dict[str, list[str]]:
    """Queries that no page links to."""
    with shop.database.read() as session:
        arrivals = session.scalars(select(Arrived.id)).all()
    names = ("email", "mobile", "Billing E-mail", "Points", "attribute:Billing E-mail")
    columns = "&".join(f"column={quote(name if name in names[:2] else f'attribute:{name}')}" for name in names[:4])
    return {
        "people.index": [columns, "q=Asha", "q=u1", "q=zq", "q=98765", "where=has+email", "where=lacks+mobile"],
        "people.export": ["", columns],
        "palette.show": ["q=asha", "q=u1", "q=mail", "q=By"],
        "profile.history": [f"attribute={quote(name)}" for name in names],
        "profile.value": [f"attribute={quote(name)}" for name in names],
        "profile.show": [
            "show=change&show=visit&show=merge&by=visit&view=detailed",
            "as_of=2026-03-10",
            "as_of=2100-01-01&show=change",
            "attribute=mail",
            "attribute=zqpresent",
            "text=mail",
            "since=0.0&known=0&seen_at=0",
            *(f"at_event={one}" for one in _values(shop)["cursor"]),
        ],
        "feed.show": [f"raw={id_}" for id_ in arrivals] + ["since=0"],
        "data.attribute": [f"name={quote(name)}" for name in names] + ["event=Order+Placed&name=email"],
        "data.event": ["name=Order+Placed", "name=Asked", "name=Big"],
        "refused.show": ["all=1"],
        "imports.show": ["encoding=utf-8&delimiter=;&columns=1", "encoding=utf-8&delimiter=,&columns=2"],
        "api.api/v1/customer": ["id=u1"],
        "api.api/v1/customers": ["q=Asha", columns],
        "api.api/v1/customers/<growlytics_id>": ["hidden=show"],
        "api.api/v1/customers/<growlytics_id>/events": ["hidden=show", "name=Order+Placed"],
        "api.api/v1/attributes": ["event=Order+Placed"],
    }


def _routes(shop: Shop) -> Iterator[Stop]:
    known, queries = _values(shop), _queries(shop)
    for rule in shop.app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in _FILES:
            for path in _paths(rule, known):
                yield Stop(path)
                for query in queries.get(rule.endpoint, ()):
                    parts = ("",) if api.is_api(path) else _PARTS
                    yield from (Stop(f"{path}?{query}", target) for target in parts)


def _paths(rule: Rule, known: dict[str, list[str]]) -> list[str]:
    paths = [rule.rule]
    for part in re.findall(r"<(?:[^<>]*:)?(\w+)>", rule.rule):
        assert part in known, f"say what stands for <{part}> of {rule.rule}"
        paths = [re.sub(rf"<(?:[^<>]*:)?{part}>", value, path) for path in paths for value in known[part]]
    return paths


_LINK = re.compile(r'(?:href|hx-get|action)="(/[^"#]*)[^"]*"(?:[^>]*?hx-target="#?([\w-]+)")?')


def _crawl(shop: Shop, browser: FlaskClient) -> Iterator[tuple[Stop, str]]:
    """Every answer that the browser gets, with the headers."""
    waiting, known, alike = list(_routes(shop)), set[Stop](), Counter[tuple[object, ...]]()
    given = set(waiting)
    map_ = shop.app.url_map.bind("localhost")
    while waiting:
        stop = waiting.pop()
        if stop in known or stop.path.startswith(("/static/", "/sdk/")):
            continue
        known.add(stop)
        parts = urlsplit(stop.path)
        if not map_.test(parts.path, "GET"):
            continue
        kind = (map_.match(parts.path, "GET")[0], stop.target, *sorted({name for name, _ in parse_qsl(parts.query)}))
        alike[kind] += 1
        if stop not in given and alike[kind] > _MOST_ALIKE:
            continue
        headers = {"HX-Request": "true", "HX-Target": stop.target} if stop.target else {}
        answer = browser.get(stop.path, headers=headers)
        assert answer.status_code < 500, stop
        text = answer.get_data(as_text=True)
        yield stop, f"{answer.headers}\n{text}"
        for path, target in _LINK.findall(text):
            waiting += [Stop(unescape(path)), *([Stop(unescape(path), target)] if target else [])]


def _found(text: str, asked: Stop) -> set[str]:
    """The markers of which an answer has a part that isn't in the question."""
    plain = "\n".join((text, unescape(text), unquote_plus(unescape(text)))).casefold()
    digits = re.sub(r"(?<=\d)[\s-]+(?=\d)", "", plain)
    question = unquote_plus(asked.path).casefold()
    return {
        name
        for name, marker in MARKERS.items()
        for part in _telling(marker)
        if part not in question and part in (digits if part.isdecimal() else plain)
    }


def _telling(marker: str) -> list[str]:
    """Parts by which one would know it."""
    if "@" in marker:
        return marker.removesuffix(".example").split("@")
    digits = re.sub(r"\D", "", marker)
    return [digits[-6:], digits[2:8]]


@pytest.mark.parametrize("mode", ["revealable", "always"])
def test_masked_viewer_finds_no_email_and_mobile_anywhere(full: Shop, bob: FlaskClient, mode: str) -> None:
    _mask(full, mode)
    number = 0
    for stop, text in _crawl(full, bob):
        assert _found(text, stop) == set(), stop
        number += 1
    assert number > 200


def test_others_find_all_of_them(full: Shop, alice: FlaskClient) -> None:
    _mask(full)
    found: set[str] = set()
    for stop, text in _crawl(full, alice):
        found |= _found(text, stop)
    assert found == set(MARKERS) - _OF_NOBODY


def test_keys_find_what_a_masked_viewer_is_not_let_in_to_find(full: Shop, bob: FlaskClient) -> None:
    """Masking is for people; what a key reads isn't masked, and nobody reads it by being signed in."""
    _mask(full)
    texts, found = [full.with_key(kind).key for kind in KINDS], set[str]()
    asked = [stop for stop in _routes(full) if api.is_api(stop.path)]
    reached = set()
    for stop in asked:
        assert bob.get(stop.path).status_code == 401, stop
        for text in texts:
            answer = full.app.test_client().get(stop.path, headers={KEY_HEADER: text})
            if answer.status_code == 200:
                reached.add(urlsplit(stop.path).path)
                found |= _found(_unpacked(answer), stop)
    assert reached == {urlsplit(stop.path).path for stop in asked}
    of_pages = {"refused body", "cell of a file", "failed row of a file"}  # and what was never stored
    assert found == set(MARKERS) - _OF_NOBODY - of_pages


def _unpacked(answer: TestResponse) -> str:
    """What an answer says, also where it is a ZIP."""
    if answer.mimetype != "application/zip":
        return f"{answer.headers}\n{answer.text}"
    file = zipfile.ZipFile(io.BytesIO(answer.data))
    return "\n".join(file.read(name).decode() for name in file.namelist())


def test_viewer_of_another_setting_finds_them(full: Shop, bob: FlaskClient) -> None:
    path = full.profile_path("u1")
    found = _found(bob.get(path).get_data(as_text=True), Stop(path))
    assert found >= {"present e-mail", "mobile", "attribute of an event"}
