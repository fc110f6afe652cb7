"""Settings › Website: where browsers may send from, the snippet, whether it is heard, and signed logins."""

import hashlib
from collections.abc import Sequence
from typing import Any, NamedTuple

from flask import Blueprint, current_app, flash, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from webapp import audit, clock, filters, htmx, keys, origins, workspaces
from webapp.db import database
from webapp.house import House
from webapp.keys import Listed
from webapp.models import ApiKey, Workspace
from webapp.origins import Stranger
from webapp.pages.guards import place, who

door = Blueprint("website", __name__, url_prefix="/settings/website")

FIRST_KEY = "Website"  # the name of the key that this page makes
LONGEST_LIST = 20_000
MOST_STRANGERS = 10  # shown at once
# How one signs a System ID, by the language of the shop's server: docs/signed-logins.md has the same.
SAMPLES = {"Python": "sign.py", "Node": "sign.js", "PHP": "sign.php", "Ruby": "sign.rb"}


class Use(NamedTuple):
    """When a key was used last, epoch ms and in words."""

    name: str
    at: int
    words: str


class TurnedAway(NamedTuple):
    """An origin that isn't allowed, and whether it can be: a page from a file has the origin `null`."""

    stranger: Stranger
    can_be_allowed: bool


class Heard(NamedTuple):
    """What the live check shows. `mark` is another as soon as anything of it is."""

    uses: list[Use]  # of the browser keys that have been used, the last first
    is_recent: bool
    strangers: list[TurnedAway]  # the last first
    mark: str


@door.get("")
def show() -> ResponseReturnValue:
    """The page. The live check asks again and again whether there is something new."""
    if not htmx.wants("heard"):
        return _page()
    heard = _heard(place().workspace, _browser_keys())
    if request.args.get("mark") == heard.mark:
        return "", 204
    return render_template("settings/_heard.html", heard=heard)


@door.post("/origins")
def change_origins() -> ResponseReturnValue:
    """Replace the allowed origins, if all are right."""
    given = request.form.get("origins", "").replace("\x00", "")
    found, faults = origins.parse(given)
    if len(given) > LONGEST_LIST:
        faults = [f"The list has at most {LONGEST_LIST:,} characters."]
    if faults:
        return _page(given_origins=given, faults=faults), 422
    with database().write() as session:
        workspace = _workspace(session)
        changes = audit.lines(workspace.allowed_origins.splitlines(), found)
        workspace.allowed_origins = "\n".join(found)
        if changes:
            audit.note(session, who(), "origins.changed", **changes)
    flash("Allowed origins saved.")
    return _back()


@door.post("/origins/addition")
def allow_origin() -> ResponseReturnValue:
    """Allow one more origin, such as one that was turned away."""
    origin = origins.normal(request.form.get("origin", ""))
    if origin is None:
        flash("That is not an origin that can be allowed.", "trouble")
        return _back()
    with database().write() as session:
        workspace = _workspace(session)
        found, faults = origins.parse(f"{workspace.allowed_origins}\n{origin}")
        if not faults:
            workspace.allowed_origins = "\n".join(found)
            audit.note(session, who(), "origins.changed", added=[origin])
    if faults:
        flash(faults[0], "trouble")
    else:
        flash(f"{origin} is allowed. Open or reload a page of it.")
    return _back()


@door.post("/keys")
def create_key() -> ResponseReturnValue:
    """Make the first browser key; where there is one already, that will do."""
    with database().write() as session:
        found = usable(keys.of_workspace(session, place().workspace.id))
        key = found[0].row if found else keys.create(session, place().workspace.id, FIRST_KEY, "browser")[0]
        if not found:
            audit.note(session, who(), "key.created", key.public_id, name=key.name, kind=key.kind)
    return redirect(url_for("website.show", key=key.public_id))


@door.post("/keys/<public_id>/signing")
def change_signing(public_id: str) -> ResponseReturnValue:
    """Say whether a key takes only logins that are signed."""
    is_wanted = request.form.get("wants_signature") == "yes"
    with database().write() as session:
        candidates = usable(keys.of_workspace(session, place().workspace.id))
        key = next((one.row for one in candidates if one.row.public_id == public_id), None)
        if key is None:
            raise keys.NotFoundError(public_id)
        key.wants_signature = is_wanted
        _note_signing(session, key)
        workspace = _workspace(session)
        if is_wanted and workspace.login_secret is None:
            workspaces.new_login_secret(session, workspace)
            audit.note(session, who(), "secret.created")
    logins = "only signed logins" if is_wanted else "logins without a signature too"
    flash(f"The key “{key.name}” takes {logins} from now on.")
    return _back()


@door.post("/secret")
def replace_secret() -> ResponseReturnValue:
    """Make the secret that signs logins, or replace it."""
    with database().write() as session:
        workspace = _workspace(session)
        was_there = workspace.login_secret is not None
        workspaces.new_login_secret(session, workspace)
        audit.note(session, who(), "secret.replaced" if was_there else "secret.created")
    # The secret isn't shown by this answer: whoever reloaded it would replace the secret once more.
    flash("The secret is replaced. Signatures by the former one are refused." if was_there else "The secret is made.")
    return _back()


@door.post("/secret/showing")
def show_secret() -> ResponseReturnValue:
    """The page with the secret, which stands in no address and isn't shown unless somebody asks for it."""
    database().transact(lambda session: audit.note(session, who(), "secret.shown"))
    return _page(secret=place().workspace.login_secret)


def _page(**shown: Any) -> str:
    workspace, found = place().workspace, _browser_keys()
    offered = [one.row for one in found if one.successor is None]
    chosen = _chosen(found, request.args.get("key", "")) or (offered[0] if offered else None)
    return render_template(
        "settings/website.html",
        keys=found,
        offered=offered,
        chosen=chosen,
        snippet=chosen and f"<script>\n{snippet(chosen)}\n</script>",
        heard=_heard(workspace, found),
        has_secret=workspace.login_secret is not None,
        has_demo_shop="demo_shop" in current_app.blueprints,
        samples={language: render_template(f"settings/samples/{file}") for language, file in SAMPLES.items()},
        **{"given_origins": workspace.allowed_origins, "faults": [], "secret": None} | shown,
    )


def _chosen(found: Sequence[Listed], public_id: str) -> ApiKey | None:
    """The key with this id, or the one that has taken its place by now; None where neither is there."""
    by_id = {one.row.public_id: one for one in found}
    one = by_id.get(public_id)
    while one is not None and one.successor is not None:
        one = by_id.get(one.successor.public_id)
    return None if one is None else one.row


def snippet(key: ApiKey) -> str:
    """The lines of JavaScript that a shop's pages need, with the reader's host and this browser key."""
    return render_template("settings/snippet.js", host=request.host_url.rstrip("/"), key=key.public_text)


def _browser_keys() -> list[Listed]:
    with database().read() as session:
        return usable(keys.of_workspace(session, place().workspace.id))


def usable(found: Sequence[ApiKey]) -> list[Listed]:
    """The browser keys among all keys of a workspace that can be used, those first that no other has replaced.

    The oldest comes first: another one doesn't change the snippet.
    """
    browsers = [one for one in keys.listed(found) if one.row.kind == "browser" and keys.is_usable(one.row)]
    return sorted(browsers, key=lambda one: (one.successor is not None, one.row.id))


def _heard(workspace: Workspace, found: Sequence[Listed]) -> Heard:
    times = [
        (one.row.last_used_at, f"{one.row.name} (replaced)" if one.successor else one.row.name)
        for one in found
        if one.row.last_used_at is not None
    ]
    uses = [Use(name, at, _ago(at)) for at, name in sorted(times, reverse=True)]
    is_recent = bool(uses) and uses[0].at > clock.now() - clock.HOUR
    house: House = current_app.extensions["house"]
    strangers = [
        TurnedAway(one, origins.normal(one.origin) is not None)
        for one in house.strangers.recent(workspace.id)
        if not origins.allows(workspace.allowed_origins, one.origin)
    ][:MOST_STRANGERS]
    facts = repr((uses, is_recent, strangers))
    return Heard(uses, is_recent, strangers, hashlib.sha256(facts.encode()).hexdigest()[:16])


def _ago(at: int) -> str:
    # Counting seconds would be something new at every look.
    return "just now" if clock.now() - at < clock.MINUTE else filters.ago(at)


def _workspace(session: Session) -> Workspace:
    return session.get_one(Workspace, place().workspace.id)


def _note_signing(session: Session, key: ApiKey) -> None:
    action = "signing.required" if key.wants_signature else "signing.waived"
    audit.note(session, who(), action, key.public_id, name=key.name)


def _back() -> ResponseReturnValue:
    """To the page, with the key that was chosen on it."""
    return redirect(url_for("website.show", key=request.args.get("key")))
