"""Archiving, erasing and exporting one person by API. What each does: docs/privacy.md."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any

from webapp import background, customers, erasures, person_exports
from webapp.api import errors, replies
from webapp.api.call import Call
from webapp.api.errors import ApiError, Faults, fault
from webapp.api.replies import Reply
from webapp.api.shapes import Reader
from webapp.audit import Who
from webapp.erased import Identifier
from webapp.erasures import Asked
from webapp.ingest.changes import RefusedError
from webapp.ingest.retries import Retry

_FIELDS = ("id", "email", "mobile")  # by which somebody is known who may have no profile
LONGEST = 320  # characters of an e-mail or a mobile
_LONGEST_BODY = 10_000  # bytes of one that says nothing
_ONE = "/api/v1/customers/<growlytics_id>"


def archive(call: Call, growlytics_id: str) -> Reply:
    """Take from a customer what says who it is."""
    call.receive(_LONGEST_BODY)
    return _ask(call, Asked("archive", growlytics_id))


def erase(call: Call, growlytics_id: str) -> Reply:
    """Erase a customer."""
    call.receive(_LONGEST_BODY)
    return _ask(call, Asked("erase", growlytics_id))


def erase_known(call: Call) -> Reply:
    """Erase who is known by a System ID, an e-mail or a mobile, and let nobody come back by them."""
    body = call.read(Reader)
    known = _identifiers(body)
    body.faults.refuse()
    return _ask(call, Asked("erase", identifiers=known))


def _identifiers(body: Reader) -> list[Identifier]:
    found: list[Identifier] = []
    for name in body.body:
        if name not in _FIELDS:
            body.faults.add([name], f"is not known here; use {', '.join(_FIELDS)}", "any.only", valids=list(_FIELDS))
    if "id" in body.body:
        found.append(Identifier("system_id", body.system_id("id")))
    for name in ("email", "mobile"):
        text = body.body.get(name)
        if text is None:
            continue
        if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
            body.faults.add([name], f"must be a text of at most {LONGEST} characters", "string.base")
        else:
            found.append(Identifier("email" if name == "email" else "mobile", text.strip()))
    if not found:
        body.faults.add([], "name whom to erase: id, email or mobile", "object.missing")
    return found


def _ask(call: Call, asked: Asked) -> Reply:
    """Do it, or say what it would remove. Raises ApiError (404, 409, 422)."""
    house, workspace = call.house, call.workspace
    try:
        if call.is_dry_run:
            return _rehearse(call, asked)
        fresh = erasures.with_secret(house.database, workspace)
        row = erasures.ask(house.database, fresh, asked, _who(call), _retry(call, fresh.erasure_secret or ""))
    except customers.NotFoundError:
        raise errors.of_status(404, "there is no customer with this Growlytics ID") from None
    except erasures.ImpossibleError as error:
        raise _impossible(error) from None
    except RefusedError as error:
        raise ApiError(422, list(error.faults.values())) from None
    background.wake("erasing")
    return replies.of({"success": True, "erasure": erasures.receipt(row)}, 202)


def _rehearse(call: Call, asked: Asked) -> Reply:
    with call.house.database.read() as session:
        person = erasures.find_person(session, call.workspace, asked)
        told: dict[str, Any] = {"success": True, "dryRun": True, "found": person is not None}
        if person is not None:
            if asked.kind == "archive" and not person.is_registered:
                raise erasures.ImpossibleError("This profile is anonymous already.")
            would = erasures.preview(session, asked.kind, person.id)
            told |= {"growlyticsId": person.growlytics_id, "wouldRemove": would.numbers}
            told |= {"sharedDevices": would.shared_devices}
    return replies.of(told)


def _impossible(error: erasures.ImpossibleError) -> ApiError:
    kind = "customer.ambiguous" if error.people else "customer.anonymous"
    return ApiError(409, [fault(str(error), kind, growlyticsIds=list(error.people))])


def _who(call: Call) -> Who:
    assert call.key is not None  # noqa: S101 - it was let in
    return Who(call.key.workspace_id, f"API key {call.key.public_id}", address=call.address)


def _retry(call: Call, secret: str) -> Retry | None:
    faults = Faults()
    found = call.retry(faults)
    faults.refuse()
    if found is None:
        return None
    # What came may be an e-mail and nothing else: a plain hash of it could be guessed back.
    keyed = hmac.new(secret.encode(), found.request_hash.encode(), hashlib.sha256).hexdigest()
    return Retry(found.key, keyed)


def show(call: Call, erasure_id: str) -> Reply:
    """How far an erasure has come, and what it has removed: its receipt."""
    with call.house.database.read() as session:
        try:
            row = erasures.find(session, call.workspace.id, erasure_id)
        except erasures.NotFoundError:
            raise errors.of_status(404, "there is no such erasure") from None
    return replies.of({"success": True, "erasure": erasures.receipt(row)})


def export(call: Call, growlytics_id: str) -> Reply:
    """All there is of a customer, as a ZIP."""
    base, workspace = call.house.database, call.workspace
    try:
        person = base.transact(lambda session: erasures.hand_out(session, workspace.id, growlytics_id, _who(call)))
    except customers.NotFoundError:
        raise errors.of_status(404, "there is no customer with this Growlytics ID") from None
    headers = person_exports.headers(person)
    return Reply(200, b"", headers, person_exports.pieces(base, workspace, person.id))


READING = {"/api/v1/erasures/<erasure_id>": show}
EXPORTING = {f"{_ONE}/export": export}
ACTING: dict[str, Callable[..., Reply]] = {
    f"{_ONE}/archive": archive,
    f"{_ONE}/erase": erase,
    "/api/v1/erasures": erase_known,
}
