"""The human door: HTML pages behind a login."""

from flask import Flask, Response, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_login import LoginManager
from flask_wtf.csrf import CSRFError
from werkzeug.exceptions import HTTPException

from webapp import (
    attributes,
    clock,
    customers,
    db,
    dictionary,
    doors,
    events,
    filters,
    invitations,
    keys,
    logins,
    logs,
    masking,
    memberships,
    merges,
    notes,
    segments,
    throttles,
    type_changes,
    users,
)
from webapp import erasures as removals
from webapp import imports as files
from webapp import openid as accounts
from webapp import refused as refusals
from webapp.pages import (
    account,
    api_keys,
    audit_log,
    data,
    describing,
    docs,
    erasures,
    exporting,
    feed,
    guards,
    importing,
    imports,
    joining,
    keyboard,
    linking,
    login,
    members,
    merging,
    noting,
    openid,
    overview,
    palette,
    people,
    pinning,
    privacy,
    profile,
    reference,
    refused,
    replaying,
    resetting,
    retyping,
    revealing,
    saving,
    second_factor,
    settings,
    website,
    workspaces,
)

# Who may pass each door. A page that isn't behind one of these guards fails tests/standing.
DOORS = (
    (login.door, guards.anybody),
    (joining.door, guards.anybody),
    (resetting.door, guards.anybody),
    (openid.door, guards.anybody),
    (docs.door, guards.anybody),
    (linking.door, guards.member),
    (overview.door, guards.member),
    (people.door, guards.member),
    (feed.door, guards.member),
    (palette.door, guards.member),
    (saving.door, guards.editor),
    (imports.door, guards.editor),
    (importing.door, guards.editor),
    (profile.door, guards.member),
    (revealing.door, guards.member),
    (merging.door, guards.editor),
    (noting.door, guards.editor),
    (pinning.door, guards.editor),
    (refused.door, guards.member),
    (replaying.door, guards.editor),
    (data.door, guards.member),
    (describing.door, guards.editor),
    (retyping.door, guards.admin),
    (account.door, guards.member),
    (workspaces.door, guards.member),
    (workspaces.founding, guards.founder),
    (members.door, guards.admin),
    (second_factor.door, guards.member),
    (keyboard.door, guards.member),
    (reference.door, guards.member),
    (settings.door, guards.admin),
    (exporting.door, guards.admin),
    (api_keys.door, guards.admin),
    (website.door, guards.admin),
    (audit_log.door, guards.admin),
    (erasures.door, guards.admin),
    (erasures.handing, guards.editor),
    (privacy.door, guards.admin),
)


def register(app: Flask) -> None:
    """Hang the human door in, behind its guards."""
    # Without its context processor: it would ask the database again, also while a page says that there is none.
    manager = LoginManager(app, add_context_processor=False)
    manager.session_protection = None
    manager.user_loader(guards.load_visitor)
    for blueprint, guard in DOORS:
        doors.hang(app, blueprint, guards.same_site, guard)
    app.context_processor(guards.context)
    app.context_processor(palette.context)
    app.jinja_env.globals["drawn_for"] = guards.drawn_for
    masking.register(app, guards.is_masked)
    app.context_processor(openid.context)
    modules = (
        accounts, attributes, customers, dictionary, events, files, invitations, keys, logins, memberships, merges,
        notes, refusals, removals, segments, type_changes,
    )  # fmt: skip
    for not_found in (module.NotFoundError for module in modules):
        app.register_error_handler(not_found, lambda _: _page(404))


def error_response(error: Exception) -> ResponseReturnValue:
    """The page that says what went wrong."""
    if isinstance(error, CSRFError):
        return _page(400, "This form has expired. Go back, reload the page and try again.")
    if isinstance(error, users.BusyError | throttles.TooEarlyError):
        return _not_now(error)
    if isinstance(error, HTTPException):
        if error.response is not None or (error.code or 500) < 400:
            return error
        return _page(error.code or 500, headers=dict(error.get_headers()))
    trouble = db.trouble(error)
    if trouble is not None:
        return _page(trouble.value, headers={"Retry-After": "10"})
    return _page(500)  # its line in the log tells where it failed


def _not_now(error: users.BusyError | throttles.TooEarlyError) -> Response:
    if isinstance(error, users.BusyError):
        return _page(503, "Many people are signing in at this moment. Try again.", {"Retry-After": "5"})
    seconds = -(-error.wait // clock.SECOND)
    words = (
        f"Too many passwords or codes were wrong. Wait {filters.duration(seconds * clock.SECOND)}, then go back and "
        "try again; what comes earlier isn't looked at. A browser that you have signed in with before isn't held up "
        "by what others try."
    )
    return _page(429, words, {"Retry-After": str(seconds)})


_WORDS = {
    400: ("That request can't be read", "Go back and try again."),
    401: ("You are signed out", "Sign in again to go on here."),
    403: ("That is not for you", "Your role in this workspace doesn't allow this. Ask an administrator."),
    404: ("Nothing here", "There is no such page, or it is not in your workspace."),
    405: ("That doesn't work here", "This address can't be used in that way."),
    409: (
        "You are in another workspace now",
        "This page was of another one of yours, which you have left since. Nothing was changed: go back there first.",
    ),
    413: ("That is too large", "The form you sent is larger than the server takes."),
    429: ("Too many tries", "Wait a moment, then try again."),
    503: ("The database can't be reached", "Nothing is lost. Try again in a moment."),
    507: ("The server's disk is full", "Nothing is lost, but nothing can be changed until there is space again."),
}


def _page(status: int, message: str | None = None, headers: dict[str, str] | None = None) -> Response:
    title, words = _WORDS.get(status, ("Something went wrong", "It has been logged. Try again in a moment."))
    is_customer = request.endpoint == "profile.show"
    if status == 404 and is_customer:
        title, words = "No such customer", "There is no customer with this Growlytics ID in your workspace."
    place: guards.Place | None = g.get("place")
    if status == 404 and place is not None and len(place.memberships) > 1:
        words += f" You are in {place.workspace.name}: it may be in another of your workspaces."
    page = render_template(
        "errors/error.html",
        status=status,
        title=title,
        words=message or words,
        request_id=logs.request_id.get() if status >= 500 else None,
    )
    response = Response(page, status=status)
    response.headers.update({name: kept for name, kept in (headers or {}).items() if name in {"Allow", "Retry-After"}})
    return response
