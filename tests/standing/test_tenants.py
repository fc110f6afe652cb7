"""Nobody reaches what belongs to another workspace: by no address, no field of a form, and no key."""

import gzip
import io
import re
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from flask import Flask
from flask.testing import FlaskClient
from sqlalchemy import Table, select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from tests import importing as files
from tests import members
from tests.dumps import dump
from tests.visitors import MINUTE, T0, launched, login, seen, tell
from tests.world import ATTRIBUTES, NOON, SMALLEST, Shop
from webapp import (
    api,
    assets,
    clock,
    customers,
    erasing,
    erasures,
    importing,
    invitations,
    keys,
    logins,
    openid,
    pages,
    users,
)
from webapp.api.call import KEY_HEADER
from webapp.audit import Who
from webapp.background import Background
from webapp.db import Base, Database
from webapp.erasures import Asked
from webapp.import_plans import Target
from webapp.imports import Limits
from webapp.models import (
    ApiKey,
    Arrived,
    Customer,
    Erasure,
    Event,
    Merge,
    Note,
    RefusedPayload,
    RefusedReason,
    Segment,
    TypeChange,
)
from webapp.openid import Identity

Objects = dict[str, str]  # what a workspace has, by what it is: as addresses and forms name it


class Ask(NamedTuple):
    """A request about objects, which stand in braces. `form`: of a POST; `own`: the status when they are one's own.

    `is_place`: it names a place in a list, which needs no object to be there: what is beside it is shown, one's own.
    `key`: the kind of the key with which a machine asks; its form is JSON.
    """

    endpoint: str
    path: str
    form: Mapping[str, str] | None = None
    target: str | None = None
    own: int = 200
    is_place: bool = False
    key: str = ""

    @property
    def names(self) -> list[str]:
        """The objects that it is about."""
        return re.findall(r"{(\w+)}", " ".join((self.path, *(self.form or {}).values())))

    @property
    def is_by_address(self) -> bool:
        """Whether one of them stands in the path, where an unknown one is a 404."""
        return "{" in self.path.partition("?")[0]


ONE = "/customers/{customer}"
ONE_BY_KEY = "/api/v1/customers/{customer}"
# How a file of two columns is read; the first one has the System IDs.
PLAN = {
    "dry": "no", "encoding": "utf-8", "delimiter": ",", "has_header": "yes", "columns": "2", "bad": "cell",
    "target-0": "id",
}  # fmt: skip
FAULTY = PLAN | {"bad": "nothing", "target-1": "attribute", "type-1": "date", "format-1": "day"}


def _by_key(path: str, query: str = "", kind: str = "read", *, is_place: bool = False) -> Ask:
    """What a machine asks for. `path`: that of a rule; its Growlytics IDs and erasures are those of ASKS."""
    asked = path.replace("<growlytics_id>", "{customer}").replace("<erasure_id>", "{erasure}")
    return Ask(f"api.{path[1:]}", asked + query, key=kind, is_place=is_place)


# Whatever takes an object away comes after what needs it.
ASKS = (
    Ask("profile.show", ONE),
    *(Ask("profile.show", ONE, target=one) for one in ("summary", "activities", "older", "tags", "note-list", "year")),
    Ask("profile.show", ONE, target="attribute-rows"),
    Ask("profile.show", f"{ONE}?live=1&since=1.1&known=0&seen_at=1", target="live"),
    Ask("profile.show", f"{ONE}?older_than={{event}}", target="older", is_place=True),
    Ask("profile.show", f"{ONE}?newer_than={{event}}", is_place=True),
    Ask("profile.show", f"{ONE}?at_event={{event}}", is_place=True),
    Ask("profile.show", f"{ONE}?text=a&beyond={{event}}", is_place=True),
    Ask("profile.show", f"{ONE}?event={{event_name}}"),
    Ask("profile.event", f"{ONE}/events/{{event}}"),
    Ask("profile.history", f"{ONE}/history?attribute={{attribute}}"),
    Ask("profile.value", f"{ONE}/value?attribute={{attribute}}"),
    Ask("people.index", "/customers?q={customer}"),
    Ask("people.index", "/customers?q={email}"),
    Ask("people.index", "/customers?segment={segment}"),
    Ask("people.index", "/customers?where=has+{attribute}&column=attribute:{attribute}"),
    Ask("people.index", "/customers?where=did+{event_name}"),
    Ask("people.index", "/customers?where=tag+%3D+{tag}"),
    Ask("people.index", "/customers?older_than={row}", is_place=True),
    Ask("people.index", "/customers?newer_than={row}", is_place=True),
    Ask("people.export", "/customers/export.csv?column=attribute:{attribute}"),
    Ask("palette.show", "/go?q={customer}"),
    Ask("palette.show", "/go?q={email}"),
    Ask("overview.names", "/overview/event?name={event_name}"),
    Ask("feed.show", "/activity?raw={arrival}", is_place=True),
    Ask("feed.show", "/activity?raw={arrival}", target="raw-{arrival}"),
    Ask("feed.show", "/activity?before={arrival}", is_place=True),
    Ask("feed.show", "/activity?after={arrival}", is_place=True),
    Ask("feed.show", "/activity?since={arrival}", target="live", is_place=True),
    Ask("feed.show", "/activity?event={event_name}&key={key}"),
    Ask("data.attribute", "/data/attribute?name={attribute}&type=string"),
    Ask("data.attribute", "/data/attribute?event={event_name}&name=Price&type=string"),
    Ask("data.event", "/data/event?name={event_name}"),
    Ask("describing.describe", "/data/description", {"name": "{attribute}", "description": "Said"}, own=303),
    Ask("describing.hide", "/data/hiding", {"event": "{event_name}", "name": "", "hidden": "no"}, own=303),
    Ask("retyping.change", "/data/types", {"event": "{event_name}", "name": "Price", "type": "string"}, own=303),
    Ask("retyping.take_back", "/data/types/{change}/undoing", {}, own=303),
    Ask("refused.index", "/refused?key={key}"),
    Ask("refused.index", "/refused?place={attribute}"),
    Ask("refused.index", "/refused?older_than=9999999999999.{reason}", is_place=True),
    Ask("refused.show", "/refused/{reason}"),
    Ask("refused.show", "/refused/{reason}?all", target="samples"),
    Ask("replaying.rehearse", "/refused/{reason}/rehearsal", {"digest": "{digest}"}),
    Ask("replaying.send_again", "/refused/{reason}/replay", {"digest": "{digest}"}, own=303),
    Ask("replaying.dismiss", "/refused/{reason}/dismissal", {}, own=303),
    Ask("website.show", "/settings/website?key={browser_key}"),
    Ask("website.change_signing", "/settings/website/keys/{browser_key}/signing", {"wants_signature": "yes"}, own=302),
    _by_key("/api/v1/key"),
    *(_by_key(f"/api/v1/{noun}") for noun in ("customers", "segments", "attributes", "events")),
    *(_by_key("/api/v1/customers/<growlytics_id>", query) for query in ("", "?attributes_after={attribute}")),
    *(_by_key("/api/v1/customers/<growlytics_id>/events", query) for query in ("", "?name={event_name}")),
    _by_key("/api/v1/customers/<growlytics_id>/events", "?cursor={event}", is_place=True),
    *(
        _by_key("/api/v1/customer", f"?{query}")
        for query in ("id={system_id}", "growlytics_id={customer}", "email={email}")
    ),
    *(
        _by_key("/api/v1/customers", f"?{query}")
        for query in (
            "q={customer}",
            "q={email}",
            "segment={segment}",
            "where=has+{attribute}&column=attribute:{attribute}",
            "where=did+{event_name}",
            "where=tag+%3D+{tag}",
        )
    ),
    _by_key("/api/v1/customers", "?cursor={row}", is_place=True),
    _by_key("/api/v1/attributes", "?event={event_name}"),
    _by_key("/api/v1/attributes", "?cursor={attribute}", is_place=True),
    _by_key("/api/v1/events", "?cursor={event_name}", is_place=True),
    _by_key("/api/v1/erasures/<erasure_id>", kind="privacy"),
    *(_by_key("/api/v1/customers/<growlytics_id>/export", kind=kind) for kind in ("read", "privacy")),
    Ask("noting.add", f"{ONE}/notes", {"text": "Called"}, own=303),
    Ask("noting.change", f"{ONE}/notes/{{note}}", {"text": "Called again"}, own=303),
    Ask("noting.remove", f"{ONE}/notes/{{note}}/removal", {}, own=303),
    Ask("noting.tag", f"{ONE}/tags", {"tag": "new"}, own=303),
    Ask("noting.untag", f"{ONE}/tags/removal", {"tag": "{tag}"}, own=303),
    Ask("pinning.pin", f"{ONE}/pins", {"name": "{attribute}"}, own=303),
    Ask("pinning.unpin", f"{ONE}/pins/removal", {"name": "{attribute}"}, own=303),
    Ask("merging.choose", f"{ONE}/merges"),
    Ask("merging.choose", f"{ONE}/merges?q={{visitor}}"),
    Ask("merging.choose", f"{ONE}/merges?with={{visitor}}"),
    Ask("merging.resume", f"{ONE}/merges/resumption", {}, own=302),
    Ask("merging.undo", f"{ONE}/merges/{{merge}}/undoing", {}, own=302),
    Ask("merging.redo", f"{ONE}/merges/{{merge}}/renewal", {}, own=302),
    Ask("merging.merge", f"{ONE}/merges", {"with": "{visitor}"}, own=302),
    Ask("saving.create", "/segments", {"name": "Another", "view": "where=has+{attribute}"}, own=302),
    Ask("saving.replace", "/segments/{segment}/view", {"view": "where=City+%3D+Goa"}, own=302),
    Ask("saving.rename", "/segments/{segment}", {"name": "Renamed"}, own=302),
    Ask("saving.delete", "/segments/{segment}/deletion", {}, own=302),
    Ask("revealing.reveal", f"{ONE}/revelation", {}, own=303),
    Ask("handing.export", f"{ONE}/export", {}),
    Ask("imports.index", "/imports"),
    *(Ask("imports.show", f"/imports/{{{file}}}") for file in ("import", "upload", "upload_of_events")),
    Ask("imports.show", "/imports/{upload}?encoding=windows-1252&delimiter=,&columns=2"),
    *(Ask("imports.failed", f"/imports/{{{file}}}/failed.csv") for file in ("import", "upload")),
    Ask("importing.start", "/imports/{upload}/start", FAULTY | {"name-1": "{attribute}"}, own=422),
    Ask(
        "importing.start",
        "/imports/{upload_of_events}/start",
        FAULTY | {"name-1": "Price", "event_name": "{event_name}"},
        own=422,
    ),
    Ask("importing.start", "/imports/{upload}/start", PLAN | {"target-1": "name"}, own=303),
    Ask("imports.show", "/imports/{upload}"),
    Ask("imports.show", "/imports/{upload}", target="progress"),
    Ask("importing.cancel", "/imports/{upload}/cancellation", {}, own=303),
    Ask("erasures.index", "/erasures"),
    Ask("erasures.index", "/erasures?before={erasure_row}", is_place=True),
    Ask("erasures.show", "/erasures/{erasure}"),
    Ask("erasures.download", "/erasures/{erasure}/receipt.json"),
    *(Ask("erasures.confirm", f"{ONE}/{what}") for what in ("archiving", "erasing")),
    *(
        Ask("api.api/v1/erasures", "/api/v1/erasures?dry_run=1", {name: text}, key="privacy")
        for name, text in (("id", "{system_id}"), ("email", "{email}"))
    ),
    *(
        Ask(f"api.api/v1/customers/<growlytics_id>/{what}", f"{ONE_BY_KEY}/{what}?dry_run=1", {}, key="privacy")
        for what in ("archive", "erase")
    ),
    Ask("erasures.archive", f"{ONE}/archiving", {"sure": "yes"}, own=303),
    Ask("erasures.erase", f"{ONE}/erasing", {"sure": "yes"}, own=303),
    *(
        Ask(
            f"api.api/v1/customers/<growlytics_id>/{what}",
            f"/api/v1/customers/{{leaver}}/{what}",
            {},
            own=202,
            key="privacy",
        )
        for what in ("archive", "erase")
    ),
    Ask("api_keys.show", "/settings/keys/{key}"),
    Ask("api_keys.limit", "/settings/keys/{key}/limit", {"rate_limit": "600"}, own=302),
    Ask("api_keys.rotate", "/settings/keys/{key}/rotation", {"overlap": "1d"}, own=201),
    Ask("api_keys.revoke", "/settings/keys/{key}/revocation", {}, own=302),
    Ask("audit.show", "/settings/audit?target={key}"),
    Ask("members.take_back", "/settings/people/invitations/{invitation}/withdrawal", {}, own=302),
    Ask("members.change_role", "/settings/people/{member}/role", {"role": "editor"}, own=302),
    Ask("members.reset", "/settings/people/{member}/reset", {}, own=201),
    Ask("members.remove", "/settings/people/{member}/removal", {}, own=302),
    Ask("account.end_login", "/settings/account/logins/{login}/end", {}, own=302),
    Ask("linking.unlink", "/settings/account/linked/{linked}/removal", {}, own=302),
    Ask("account.leave", "/settings/account/departure", {"workspace": "{workspace}"}, own=422),
    Ask("workspaces.enter", "/workspaces/current", {"workspace": "{workspace}"}, own=302),
)
# These note in the audit log that they were asked.
NOTED = {"people.export"}
# Routes with a parameter that names nothing of a workspace: files, one-time links, endpoints that data is sent to.
OF_NOBODY = {
    "static", "sdk", "sdk_version", "joining.invitation", "joining.accept", "joining.join", "resetting.show",
    "resetting.use", "resetting.forgotten", "audit.export", "overview.names", "reference.endpoint", "reference.try_it",
}  # fmt: skip
# Fields of forms and addresses, as the code and the templates have them, that name something of a workspace: ASKS has
# them. The others name nothing that anybody owns.
NAMING = {
    "after", "another", "at_event", "attribute", "before", "beyond", "column", "digest", "event", "event_name", "key",
    "name", "newer_than", "older_than", "place", "q", "raw", "segment", "since", "tag", "target", "view", "where",
    "with", "workspace",
}  # fmt: skip
PLAIN = {
    "action", "actor", "amount_attribute", "as_of", "at", "attributes", "bad", "body", "by", "came", "choose", "code",
    "columns", "comparison", "csrf_token", "current", "days", "default_region", "delimiter", "description",
    "drawn_for", "dry", "email", "encoding", "endpoint", "file", "found", "from", "has_header", "hidden",
    "invitation", "keeps_addresses", "keeps_refused", "kind", "known", "language", "lifetime", "live", "mark",
    "masking", "merges_a_day", "new", "next", "number", "once", "order_event", "origin", "origins", "out", "overlap",
    "page", "password", "performed", "placeholder_ids", "product", "rate_limit", "requires_second_factor",
    "returning", "role", "room", "rows", "seen", "seen_at", "setup", "shopper", "show", "sure", "tagged", "text",
    "time_zone", "times", "to", "tool", "type", "url", "use", "value", "wants_signature", "year", "zone",
}  # fmt: skip
THEIRS = "Zebra"  # in everything of Charlie's


def _fill(shop: Shop, browser: FlaskClient, word: str) -> Objects:
    """One of everything, with a word in it; System IDs and devices are the same in every workspace."""
    shop.customer("u1", name=f"{word} Rao", email=f"{word}@shop.example".lower(), City=word, **{f"{word}size": 1})
    shop.event(f"{word}bought", system_id="u1", Price=1, What=word)
    tell(shop, launched("phone", T0), seen("phone", T0, f"{word}bought"), login("phone", T0 + 5 * MINUTE, "u1"))
    tell(shop, seen("tablet", T0, f"{word}bought"))
    shop.customer("u1", **{f"{word}size": f"{word} many"})
    shop.event(f"{word}bought", NOON + 1, system_id="u1", Price=word)
    path = shop.profile_path("u1")
    boolean = {"event": f"{word}bought", "name": "Price", "type": "boolean"}
    for where, form in (
        (f"{path}/notes", {"text": f"{word} called"}),
        (f"{path}/tags", {"tag": f"{word}tag"}),
        (f"{path}/pins", {"name": f"{word}size"}),
        ("/segments", {"name": f"{word} segment", "view": f"where=City+%3D+{word}"}),
        ("/settings/keys", {"name": f"{word} browser", "kind": "browser"}),
        ("/data/types", boolean),
        ("/data/description", {"name": f"{word}size", "description": f"{word} told"}),
    ):
        assert browser.post(where, data=form).status_code in {302, 303}, where
    shop.customer(f"{word}leaver", name=f"{word} Leaver")
    return (
        _erased(shop, word)
        | _imported(shop, word)
        | _named(shop, word)
        | _of_people(shop, word)
        | _keys(shop, word)
        | {"email": f"{word}@shop.example".lower(), "tag": f"{word}tag".lower()}
    )


def _erased(shop: Shop, word: str) -> Objects:
    """Somebody was erased."""
    shop.customer("gone", name=f"{word} Gone", email=f"{word}@gone.example".lower())
    asked = Asked("erase", shop.find("gone").growlytics_id)
    row = erasures.ask(shop.database, shop.workspace, asked, Who(shop.workspace.id, f"{word} clerk"))
    erasing.work_off(shop.database, settling=0)
    with shop.database.read() as session:
        assert session.get_one(Erasure, row.id).ended_at is not None
    return {"erasure": row.public_id, "erasure_row": str(row.id)}


def _imported(shop: Shop, word: str) -> Objects:
    """A file that was imported, but for a row without a System ID; two that wait to be."""
    rows = f"id,name\n{word}guest,{word} Guest\n,{word} Nobody\n"
    done = files.upload(shop, rows, name=f"{word}.csv")
    files.start(shop, done)
    importing.work_off(shop.database, Limits())
    assert files.figures(files.get(shop, done)) == {"rows": 2, "created": 1, "failed": 1}
    waiting = files.upload(shop, rows.replace("guest", "friend"), name=f"{word}.csv")
    of_events = files.upload(shop, f"id,What\nu1,{word}\n", "events", name=f"{word}.csv")
    return {"import": str(done), "upload": str(waiting), "upload_of_events": str(of_events)}


def _keys(shop: Shop, word: str) -> Objects:
    """The texts of its keys, by their kinds."""
    with shop.database.write() as session:
        _, read = keys.create(session, shop.workspace.id, f"{word} reports", "read")
        _, privacy = keys.create(session, shop.workspace.id, f"{word} requests of people", "privacy")
    return {"server": shop.key, "read": read, "privacy": privacy}


def _of_people(shop: Shop, word: str) -> Objects:
    """A member and an invitation of a workspace; a login and a linked account of its administrator."""
    member = members.member(shop, f"{word}@staff.example".lower(), "viewer")
    with shop.database.write() as session:
        token = invitations.invite(session, shop.workspace.id, "viewer")
        found = invitations.find(session, token)
        admin = users.find(session, "alice@shop.example" if word != THEIRS else "charlie@other.example")
        assert found is not None
        assert admin is not None
        text = users.sign_in(session, admin)
        login = users.signed_in(session, text or "")
        assert login is not None
        openid.link(session, admin, Identity("https://id.example", word, None, is_verified=False))
        (linked,) = openid.linked_accounts(session, admin.id)
        return {
            "member": str(member),
            "invitation": invitations.public_id(found),
            "login": logins.public_id(login),
            "linked": str(linked.id),
            "workspace": str(shop.workspace.id),
        }


def _named(shop: Shop, word: str) -> Objects:
    one, here = shop.find("u1"), shop.workspace.id
    with shop.database.read() as session:
        event = session.scalars(select(Event).where(Event.customer_id == one.id).limit(1)).one()
        visitor = session.scalars(
            select(Customer).where(
                Customer.workspace_id == here, Customer.root_id.is_(None), Customer.system_id.is_(None)
            )
        ).one()
        merge = session.scalars(select(Merge.id).where(Merge.target_id == one.id)).one()
        note = session.scalars(select(Note.id).where(Note.customer_id == one.id)).one()
        segment, change = (
            session.scalars(select(table.id).where(table.workspace_id == here)).one() for table in (Segment, TypeChange)
        )
        rows = session.execute(select(ApiKey.kind, ApiKey.public_id).where(ApiKey.workspace_id == here)).all()
        arrival = session.scalars(select(Arrived.id).where(Arrived.workspace_id == here).limit(1)).one()
        reason = session.scalars(select(RefusedReason.id).where(RefusedReason.workspace_id == here).limit(1)).one()
        of_reason = RefusedPayload.workspace_id == here, RefusedPayload.reason_id == reason
        digest = session.scalars(select(RefusedPayload.digest).where(*of_reason)).one()
    public = {str(kind): public_id for kind, public_id in rows}
    return {
        "customer": one.growlytics_id,
        "visitor": visitor.growlytics_id,
        "leaver": shop.find(f"{word}leaver").growlytics_id,
        "system_id": f"{word}leaver",
        "row": f"{one.created_at}.{one.id}",
        "event": f"{event.reported_at}.{event.id}",
        "merge": str(merge),
        "note": str(note),
        "segment": str(segment),
        "change": str(change),
        "key": public["server"],
        "browser_key": public["browser"],
        "arrival": str(arrival),
        "reason": str(reason),
        "digest": str(digest),
        "attribute": f"{word}size",
        "event_name": f"{word}bought",
    }


def _of_nobody() -> Objects:
    """Such as nobody has."""
    numbered = (
        "merge", "note", "segment", "change", "arrival", "reason", "digest", "member", "linked", "workspace", "import",
        "upload", "upload_of_events", "erasure_row",
    )  # fmt: skip
    ids = dict.fromkeys(numbered, "987654321")
    new = {name: customers.new_growlytics_id(clock.now()) for name in ("customer", "visitor", "leaver")}
    places = dict.fromkeys(("row", "event"), "12345.987654321")
    words = {"attribute": "Unicornsize", "event_name": "Unicornbought", "tag": "unicorntag", "email": "a@b.example"}
    secret = dict.fromkeys(("key", "browser_key"), "0123456789ab")
    secret |= dict.fromkeys(("invitation", "login", "erasure"), "0" * 16)
    return ids | new | places | words | secret | {"system_id": "Unicornleaver"}


@pytest.fixture
def _asleep(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody works in the background, where it would change something just when a test looks."""
    monkeypatch.setattr(Background, "wake", lambda _: None)


@pytest.fixture
def sides(
    app: Flask,
    shop: Shop,
    other_shop: Shop,
    alice: FlaskClient,
    charlie: FlaskClient,
    monkeypatch: pytest.MonkeyPatch,
    _asleep: None,
) -> tuple[Objects, Objects]:
    """Alice's objects, and Charlie's. The clock stands still, so that pages are the same when they are asked again."""
    app.config["WTF_CSRF_ENABLED"] = False
    theirs = _fill(other_shop, charlie, THEIRS)
    own = _fill(shop, alice, "Alpaca")
    now = clock.now()
    monkeypatch.setattr(clock, "now", lambda: now)
    return own, theirs


def _send(browser: FlaskClient, ask: Ask, objects: Objects) -> TestResponse:
    """Ask from a browser with Alice's cookie, as it was when she signed in: it has nothing to tell from earlier.

    What a machine asks is asked with her workspace's key alone.
    """
    if ask.key:
        return _send_by_key(browser.application, ask, objects)
    cookie = browser.get_cookie("customer_profiles")
    assert cookie is not None
    fresh = browser.application.test_client()
    fresh.set_cookie("customer_profiles", cookie.value)
    target = ask.target and ask.target.format(**objects)
    headers = {} if target is None else {"HX-Request": "true", "HX-Target": target}
    path = ask.path.format(**objects)
    if ask.form is None:
        return fresh.get(path, headers=headers)
    return fresh.post(path, data={name: text.format(**objects) for name, text in ask.form.items()}, headers=headers)


def _send_by_key(app: Flask, ask: Ask, objects: Objects) -> TestResponse:
    path, headers = ask.path.format(**objects), {KEY_HEADER: objects[ask.key]}
    if ask.form is None:
        return app.test_client().get(path, headers=headers)
    form = {name: text.format(**objects) for name, text in ask.form.items()}
    return app.test_client().post(path, json=form, headers=headers)


def _told(answer: TestResponse, *said: Objects) -> tuple[int, str, str]:
    """Status, address and page of an answer, with what was asked for left out of them, and what is always another."""
    texts = {text for objects in said for text in objects.values()}
    texts |= {part for text in texts for part in text.split(".")} | {text.casefold() for text in texts}
    asked = re.compile("|".join(_pattern(text) for text in sorted(texts, key=len, reverse=True)) or r"(?!)")
    page = re.sub(r'name="once" value="\w+"', "", answer.get_data(as_text=True))
    page = re.sub(r'(name="csrf_token" value|name="csrf-token" content)="[^"]*"', "", page)
    return answer.status_code, asked.sub("…", answer.location or ""), asked.sub("…", page)


def _pattern(text: str) -> str:
    return rf"(?<!\d){text}(?!\d)" if text.isdecimal() else re.escape(text)


def _mixed(ask: Ask, own: Objects, others: Objects) -> Iterator[tuple[Objects, ...]]:
    """Alice's objects with others' in their place: one at a time, and all at once."""
    for names in {*((name,) for name in ask.names), tuple(ask.names)}:
        yield tuple(own | {name: some[name] for name in names} for some in (others, _of_nobody()))


def _whole(database: Database) -> Any:
    """All that the database holds, of every workspace.

    PostgreSQL's is read by a session: a connection of the pool would show no more than the page before it might see.
    """
    if database.is_sqlite:
        return dump(database)
    with database.read() as session:
        return [
            (name, session.execute(select(table).order_by(*table.primary_key)).all())
            for name, table in Base.metadata.tables.items()
        ]


def test_what_belongs_to_others_is_as_if_it_were_not_there(
    app: Flask, database: Database, alice: FlaskClient, sides: tuple[Objects, Objects]
) -> None:
    own, theirs = sides
    faults = []
    for ask in ASKS:
        for stolen, unknown in _mixed(ask, own, theirs):
            expected = _send(alice, ask, unknown)
            before = _whole(database)
            answer = _send(alice, ask, stolen)
            if _whole(database) != before and ask.endpoint not in NOTED:
                faults.append(f"{ask} changes something")
            said = {name: stolen[name] for name in ask.names}, {name: unknown[name] for name in ask.names}
            told = _told(answer, *said)
            if not ask.is_place and told != _told(expected, *said):
                faults.append(f"{ask} with {said}: {told} instead of {_told(expected, *said)}")
            if THEIRS.lower() in told[2].lower():
                faults.append(f"{ask} with {said} shows what is theirs")
            if ask.is_by_address and not ask.is_place and "{" not in "".join((ask.form or {}).values()):
                in_path = re.findall(r"{(\w+)}", ask.path.partition("?")[0])
                if any(stolen[name] != own[name] for name in in_path) and answer.status_code != 404:
                    faults.append(f"{ask} with {said}: {answer.status_code}")
        if (status := _send(alice, ask, own).status_code) != ask.own:
            faults.append(f"{ask}: {status} for one's own")
    assert not faults, "\n".join(fault[:2_000] for fault in faults)


def test_what_is_asked_for_is_told_to_who_owns_it(alice: FlaskClient, sides: tuple[Objects, Objects]) -> None:
    """Otherwise the test above would be content with pages that show nothing."""
    own, _ = sides
    pages_ = "/customers", ONE, "/activity", "/data", "/refused", "/settings/keys", "/go?q=alpaca"
    imports = "/imports", "/imports/{import}", "/imports/{import}/failed.csv", "/imports/{upload}"
    of_erasures = "/erasures", "/erasures/{erasure}", "/erasures/{erasure}/receipt.json", f"{ONE}/erasing"
    for path in (*pages_, *imports, *of_erasures):
        assert "Alpaca" in alice.get(path.format(**own)).text, path
    for ask in ASKS:
        is_read = ask.key == "read" and not ask.is_place
        if is_read and not ask.endpoint.endswith(("/key", "/attributes", "/export")):
            assert "Alpaca" in _send(alice, ask, own).text, ask
        if (ask.form or {}).get("type-1") == "date":
            assert "already, not date" in _send(alice, ask, own).text, ask


def test_lists_name_what_is_ones_own_alone(alice: FlaskClient, sides: tuple[Objects, Objects]) -> None:
    own, theirs = sides
    for path, names in (("/imports", ("import", "upload", "upload_of_events")), ("/erasures", ("erasure",))):
        page = alice.get(path).text
        for name in names:
            assert f'href="{path}/{own[name]}"' in page
            assert f'href="{path}/{theirs[name]}"' not in page


def test_what_is_handed_out_is_ones_own_alone(alice: FlaskClient, sides: tuple[Objects, Objects]) -> None:
    """Files that are packed, of which the tests above see nothing."""
    own, _ = sides
    asks = [ask for ask in ASKS if ask.endpoint == "handing.export" or ask.path.endswith("/export")]
    packed = [_send(alice, ask, own).data for ask in asks]
    files = [zipfile.ZipFile(io.BytesIO(data)) for data in packed]
    texts = [b"".join(map(file.read, file.namelist())) for file in files]
    texts.append(gzip.decompress(_send(alice, Ask("exporting.export", "/settings/workspace/export", {}), own).data))
    assert len(texts) == 4
    for text in texts:
        assert b"Alpaca" in text
        assert THEIRS.lower().encode() not in text.lower()


def test_every_route_with_a_parameter_is_asked(app: Flask) -> None:
    routes = {rule.endpoint for rule in app.url_map.iter_rules() if rule.arguments}
    assert {ask.endpoint for ask in ASKS if ask.is_by_address} == routes - OF_NOBODY


def test_every_field_is_known() -> None:
    """Whether it names something of a workspace: who adds one says so, and adds an Ask."""
    folder = Path(pages.__file__).parent
    code = "".join(path.read_text() for path in folder.glob("*.py"))
    found = set(re.findall(r'(?:args|form|values|said)\.(?:get|getlist)\(\s*"(\w+)"', code))
    forms = "".join(path.read_text() for path in assets.folder("templates").rglob("*.html"))
    found |= set(re.findall(r'<(?:input|select|textarea|button)\b[^>]*?\bname="(\w+)"', forms))
    assert found - PLAIN - NAMING == set()
    asked = " ".join(f"{ask.path} {' '.join(f'{name}=' for name in ask.form or {})}" for ask in ASKS)
    assert {name for name in NAMING if f"{name}=" not in asked} == {"another"}, "another: as `column`, by a redirect"


def _rows(shop: Shop) -> dict[str, list[Any]]:
    """All rows of a workspace, by table."""
    with shop.database.read() as session:
        here = select(Customer.id).where(Customer.workspace_id == shop.workspace.id)
        devices = Base.metadata.tables["devices"]
        of_devices = select(devices.c.id).where(devices.c.workspace_id == shop.workspace.id)

        def whose(table: Table) -> Any:
            if "workspace_id" in table.c:
                return table.c.workspace_id == shop.workspace.id
            for name, ids in (("customer_id", here), ("target_id", here), ("device_id", of_devices)):
                if name in table.c:
                    return table.c[name].in_(ids)
            return table.c.id == shop.workspace.id if table.name == "workspaces" else None

        owned = {table: whose(table) for table in Base.metadata.sorted_tables}
        return {
            table.name: list(session.execute(select(table).where(is_its).order_by(*table.primary_key)))
            for table, is_its in owned.items()
            if is_its is not None
        }


def _send_all(shop: Shop, word: str) -> list[Any]:
    """Send to every endpoint, about the same customers, devices and idempotency keys in every workspace."""
    name = f"{word} City"
    answers = []
    for number, (path, body) in enumerate(SMALLEST.items()):
        told: Any = {name: word} if path == "/track/user" else [{"name": name, "type": "string", "value": word}]
        more = {ATTRIBUTES[path]: told} if path in ATTRIBUTES else {}
        answers.append(shop.send(path, body | more, Idempotency_Key=f"retry {number}"))
    answers.append(shop.send("/api/v1/batch", {"changes": [{"type": "event", "customerId": "u1", "name": word}]}))
    assert {answer.status_code for answer in answers} == {200}, [answer.json for answer in answers]
    return [answer.json for answer in answers]


def test_key_of_one_workspace_neither_reads_nor_changes_another(shop: Shop, other_shop: Shop) -> None:
    _send_all(other_shop, "Zebra")
    before = _rows(other_shop)
    assert {"customers", "devices", "events", "idempotency_keys", "attribute_values", "device_logins"} <= {
        name for name, rows in before.items() if rows
    }
    first = _send_all(shop, "Alpaca")
    assert _send_all(shop, "Alpaca") == first, "retries get the answers of their own workspace"
    shop.send("/track/user", {"id": "u1", "attributes": {"Zebra City": 17}})
    shop.send("/track/user", {"id": 5})
    assert _rows(other_shop) == before
    assert shop.types()["Zebra City"] == "number", "the types of another workspace don't hold here"
    assert '"Zebra"' not in str(_rows(shop)["attribute_values"])


@pytest.mark.usefixtures("_asleep")
def test_erasing_here_erases_nobody_elsewhere(shop: Shop, other_shop: Shop, alice: FlaskClient) -> None:
    shop.app.config["WTF_CSRF_ENABLED"] = False
    for one in (other_shop, shop):
        _send_all(one, "Asha")
        for number in range(4):
            told = {"name": "Asha", "email": f"a{number}@b.example", "mobile": f"+91 98765 4321{number}"}
            one.customer(f"u{number}", **told)
            tell(one, seen(f"phone{number}", T0), login(f"phone{number}", T0 + MINUTE, f"u{number}"))
    before = _rows(other_shop)
    known = ({"id": "u1"}, {"email": "a2@b.example"}, {"mobile": "+91 98765 43213"})
    asking = shop.with_key("privacy")
    answers = [asking.send("/api/v1/erasures", body, Idempotency_Key=f"erasing {body}") for body in known]
    assert [answer.status_code for answer in answers] == [202] * 3
    found = alice.post("/erasures", data={"by": "email", "text": "a0@b.example"}).location
    assert found == f"{shop.profile_path('u0')}/erasing"
    assert alice.post(found, data={"sure": "yes"}).status_code == 303
    blocked = alice.post("/erasures", data={"by": "email", "text": "new@b.example"})
    alice.post("/erasures/returning", data={"returning": "refused"})
    erasing.work_off(shop.database, settling=0)
    assert _rows(other_shop) == before
    with shop.database.read() as session:
        is_here = Customer.workspace_id == shop.workspace.id
        assert session.scalars(select(Customer.system_id).where(is_here, Customer.name == "Asha")).all() == []
    assert other_shop.customer("u1", email="new@b.example", City="Pune").json == {"success": True}
    assert "City" in other_shop.attributes("u1"), "who is erased elsewhere is welcome here"
    theirs = other_shop.with_key("privacy").send("/api/v1/erasures", known[0], Idempotency_Key=f"erasing {known[0]}")
    assert theirs.json is not None
    ids = {answer.json["erasure"]["id"] for answer in answers if answer.json is not None}
    assert theirs.json["erasure"]["id"] not in ids | {str(blocked.location).rpartition("/")[2]}
    assert theirs.json["erasure"]["identifiers"] != answers[0].json["erasure"]["identifiers"]  # type: ignore[index]


def test_importing_here_imports_nothing_elsewhere(shop: Shop, other_shop: Shop) -> None:
    for one in (other_shop, shop):
        _send_all(one, "Asha")
    waiting = files.upload(other_shop, "id,name\nu1,Zoe\n")
    before = _rows(other_shop)
    of_people = files.run(shop, "id,name\nu1,Ben\nu2,Chitra\n,Dora\n")
    assert files.figures(of_people) == {"rows": 3, "created": 1, "updated": 1, "failed": 1}
    of_events = files.run(shop, f"id,time,What\nu1,{NOON},This\n", "events", {0: Target("id")}, event_name="Asha")
    assert files.figures(of_events) == {"rows": 1, "events": 1}
    assert _rows(other_shop) == before
    assert files.get(other_shop, waiting).state == "new"


def test_browser_key_of_one_workspace_does_not_know_devices_of_another(
    shop: Shop, other_shop: Shop, alice: FlaskClient, charlie: FlaskClient
) -> None:
    texts = []
    for one, browser in ((shop, alice), (other_shop, charlie)):
        one.app.config["WTF_CSRF_ENABLED"] = False
        browser.post("/settings/website/origins", data={"origins": "https://shop.example"})
        browser.post("/settings/keys", data={"name": "Website", "kind": "browser"})
        with one.database.read() as session:
            is_its = ApiKey.workspace_id == one.workspace.id, ApiKey.kind == "browser"
            texts.append(session.scalars(select(ApiKey.public_text).where(*is_its)).one())

    def say(key: str | None, user: str) -> None:
        messages = [
            {"id": "m1", "type": "identify", "time": NOON, "userId": user},
            {"id": "m2", "type": "event", "time": NOON + 1, "name": user},
        ]
        body: dict[str, Any] = {
            "key": key,
            "did": "0123456789abcdef",
            "sentAt": NOON + 2,
            "device": {},
            "messages": messages,
        }
        answer = shop.app.test_client().post("/api/v1/browser", json=body, headers={"Origin": "https://shop.example"})
        assert answer.json == {"success": True, "accepted": 2}

    say(texts[1], "zebra")
    before = _rows(other_shop)
    say(texts[0], "alpaca")
    assert [event.name for event in shop.events("alpaca")] == ["alpaca"]
    after = _rows(other_shop)
    assert {name: rows for name, rows in after.items() if rows != before[name]} == {}


# What is only remembered, so that it need not be worked out again, and may be written while a page is read.
REMEMBERED = {"tallies": (), "segments": ("count", "count_kind", "counted_at"), "logins": ("seen_at",)}


def _state(database: Database) -> dict[str, list[Any]]:
    """All rows by their keys, but for what is only remembered."""

    def rows(session: Session, table: Table) -> list[Any]:
        kept = [one for one in table.c if one.name not in REMEMBERED.get(table.name, ())]
        return list(session.execute(select(*kept).order_by(*table.primary_key)))

    with database.read() as session:
        return {
            name: rows(session, table)
            for name, table in Base.metadata.tables.items()
            if name not in {"tallies", "audit"}  # where exports are noted
        }


def test_reading_changes_nothing(
    app: Flask, database: Database, alice: FlaskClient, sides: tuple[Objects, Objects]
) -> None:
    own, _ = sides
    asked = [ask for ask in ASKS if ask.form is None]
    reached = {ask.endpoint for ask in asked} | OF_NOBODY
    for rule in app.url_map.iter_rules():
        if "GET" in (rule.methods or ()) and rule.endpoint not in reached:
            assert not rule.arguments, f"{rule}: say in ASKS what it is about"
            assert not api.is_api(rule.rule), f"{rule}: say in ASKS with which key it is asked"
            asked.append(Ask(rule.endpoint, rule.rule))
    asked += [Ask("sdk", "/sdk/growlytics.js"), Ask("reference.endpoint", "/api-reference/track/user")]
    for kind in (
        "read",
        "server",
        "privacy",
    ):  # that a key is used is noted, and not again as long as the clock stands still
        assert _send(alice, Ask("key", "/api/v1/key", key=kind), own).status_code == 200
    before = _state(database)
    for ask in asked:
        headers = {KEY_HEADER: own[ask.key]} if ask.key else {}
        for method in ("GET", "HEAD") if ask.key else ("GET", "HEAD", "OPTIONS"):
            answer = alice.open(ask.path.format(**own), method=method, headers=headers)
            assert answer.status_code < 400, (method, ask.path, answer.status_code)
            assert _state(database) == before, f"{method} {ask.path}"
