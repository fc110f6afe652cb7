"""Sending again what was refused or ignored, as if it came now by its own endpoint; or only trying what would happen.

What is stored is taken out of the inbox in the same transaction, so that it can be neither lost nor stored twice. What
doesn't say when it happened, happened when it first came.
"""

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from sqlalchemy.orm import Session

from webapp import api, audit, refused
from webapp.api.batches import LINES
from webapp.api.call import Call
from webapp.api.errors import ApiError
from webapp.api.rest import MOST_CUSTOM_ATTRIBUTES
from webapp.audit import Who
from webapp.house import House
from webapp.ingest import batch
from webapp.ingest.batch import Request
from webapp.ingest.changes import (
    Attribute,
    Change,
    ClockSkew,
    CustomerUpdate,
    EventRecord,
    Fault,
    Logout,
    Message,
    OnDevice,
    RefusedError,
    Source,
)
from webapp.ingest.retries import Outcome, Retry
from webapp.keys import Kind
from webapp.models import ApiKey, RefusedPayload, Workspace
from webapp.refused import Group, Sample

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


class Result(NamedTuple):
    """What became of something that was sent again, or would become of it.

    `refused` and `ignored`: it is kept, for these faults or types. `gone`: somebody else has sent it again meanwhile.
    `cut`: it isn't there as a whole. `faults`: their messages.
    """

    state: Literal["stored", "refused", "ignored", "gone", "cut"]
    faults: Sequence[str] = ()

    @property
    def is_stored(self) -> bool:
        """Whether it is, or would be, stored."""
        return self.state == "stored"


class _GoneError(Exception):
    """Somebody else has stored it."""


class _StillIgnoredError(Exception):
    """The value has another type than its attribute even now; the message says which."""


@dataclass(frozen=True, slots=True)
class _Replay:
    """What is sent again, of which group, and whether it is only tried."""

    house: House
    workspace: Workspace
    group: Group
    sample: Sample
    is_rehearsal: bool

    def settle(self, session: Session, outcome: Outcome) -> None:
        """Take it out of the inbox, in the transaction that stores it."""
        if self.group.is_value:
            if outcome.ignored:
                one = outcome.ignored[0]
                raise _StillIgnoredError(f"expected is {one['expected']}, not {one['received']}")
            refused.unmark(session, self.sample.details["customer_id"], self.group.row)
        if not refused.take(session, self.sample.row):
            raise _GoneError

    def store(self, request: Request) -> Outcome:
        """Store it, or find out whether it could be. Raises RefusedError, and what `settle` raises."""
        work = batch.rehearse if self.is_rehearsal else batch.alone
        return work(self.house.database, request)


@dataclass(slots=True)
class _Again(Call):
    """A request that is sent again: its key and its time are those of the first time, and it is stored alone."""

    first_key: ApiKey = field(kw_only=True)
    replay: _Replay = field(kw_only=True)

    def enter(self, text: str, *kinds: Kind) -> ApiKey:  # noqa: ARG002 - whoever may replay needs no key
        """Let it in with the key that it came with."""
        self.key = self.first_key
        return self.first_key

    @property
    def is_rated(self) -> bool:
        """It doesn't count again."""
        return False

    def now(self) -> int:
        """When it came for the first time: epoch ms."""
        return self.replay.sample.row.received_at

    def submit(
        self,
        changes: Sequence[Change],
        retry: Retry | None = None,
        messages: Sequence[Message | None] = (),
        *,
        is_partial: bool = False,  # noqa: ARG002 - what is refused stays as a whole
    ) -> Outcome:
        """Store changes, all or none, and take the request out of the inbox."""
        if messages and self._lacks_some(messages):
            return Outcome()
        # What a clock was wrong by then says nothing of now.
        told = [place for place, one in enumerate(changes) if not isinstance(one, ClockSkew)]
        request = Request(
            self.workspace,
            [_timed(changes[place], self.replay.sample.row, place) for place in told],
            Source(self.path, self.first_key.id),
            retry,
            messages=[messages[place] for place in told] if messages else (),
            also=self.replay.settle,
        )
        return self.replay.store(request)

    def _lacks_some(self, messages: Sequence[Message | None]) -> bool:
        """Whether some of a browser's messages are at fault themselves; those that aren't wait for them."""
        told = {id(one) for one in messages if one is not None}
        return len(told) < len(json.loads(self.body)["messages"])


def _timed(change: Change, row: RefusedPayload, place: int) -> Change:
    """A change with the time at which it was told, unless it has its own."""
    if not isinstance(change, CustomerUpdate | EventRecord | Logout) or change.reported_at is not None:
        return change
    if isinstance(change, EventRecord):  # which may have been told twice in one millisecond
        change = replace(change, mark=f"{row.digest} {place}")
    return replace(change, reported_at=row.received_at)


def one(house: House, workspace: Workspace, group: Group, sample: Sample, *, is_rehearsal: bool) -> Result:
    """Send something again. Raises what the database raises."""
    is_known = group.is_value or group.row.endpoint in api.ENDPOINTS
    if not (sample.row.is_whole and group.can_be_replayed and is_known):
        return Result("cut")
    replay = _Replay(house, workspace, group, sample, is_rehearsal)
    try:
        faults = _value(replay) if group.is_value else _request(replay)
        result = Result("refused", faults) if faults else Result("stored")
    except _GoneError:
        return Result("gone")
    except _StillIgnoredError as error:
        result = Result("ignored", [str(error)])
    except ApiError as error:
        result = Result("refused", _messages(error.faults))
    except RefusedError as error:
        result = Result("refused", _messages(list(error.faults.values())))
    if not result.is_stored and not is_rehearsal:
        house.database.transact(lambda session: refused.note_try(session, sample.row))
    return result


def several(
    house: House, workspace: Workspace, group: Group, samples: Sequence[Sample], *, is_rehearsal: bool
) -> list[tuple[Sample, Result]]:
    """Send several of a group again, in the order in which they came. A rehearsal tries each alone."""
    ordered = sorted(samples, key=lambda sample: sample.row.received_at)
    return [(sample, one(house, workspace, group, sample, is_rehearsal=is_rehearsal)) for sample in ordered]


def note(session: Session, who: Who, group: Group, number: int) -> None:
    """Note that so many of a group are about to be sent again: each is stored by a transaction of its own."""
    audit.note(session, who, "refused.replayed", str(group.row.id), number=number)


def _messages(faults: Sequence[Fault]) -> list[str]:
    return [fault["message"] for fault in faults]


def _value(replay: _Replay) -> Sequence[str]:
    row, details = replay.group.row, replay.sample.details
    who = details["who"]
    change = CustomerUpdate(
        who=who["id"] if "id" in who else OnDevice(who["did"]),
        attributes=(Attribute(row.place, details["value"], None),),
        limit=MOST_CUSTOM_ATTRIBUTES,
        reported_at=details["reported_at"],
    )
    request = Request(replay.workspace, [change], Source(row.endpoint, row.key_id), also=replay.settle)
    replay.store(request)
    return ()


def _request(replay: _Replay) -> Sequence[str]:
    """Have the endpoint answer it. Returns the faults for which it refuses a part that is the whole now."""
    row, endpoint = replay.group.row, replay.group.row.endpoint
    with replay.house.database.read() as session:
        key = session.get_one(ApiKey, row.key_id)
    environ = _environ(endpoint, replay.sample.row, replay.sample.details)
    call = _Again(replay.house, environ, is_dry_run=replay.is_rehearsal, first_key=key, replay=replay)
    answer: dict[str, Any] = json.loads(api.ENDPOINTS[endpoint](call).body)
    return [message for part in answer.get("refused", ()) for message in _messages(part["details"])]


def _environ(endpoint: str, row: RefusedPayload, details: dict[str, Any]) -> "WSGIEnvironment":
    body, headers = row.body or b"", dict(details["headers"])
    is_batch, mimetype, query = endpoint in api.BATCHES, headers.pop("Content-Type", ""), details["query"]
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": endpoint,
        "QUERY_STRING": "strict=1" if is_batch and query != "strict=true" else query,
        "CONTENT_TYPE": LINES[0] if is_batch and "is_part" in details else mimetype,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": details["address"],
        "wsgi.input": io.BytesIO(body),
    }
    return environ | {f"HTTP_{name.upper().replace('-', '_')}": text for name, text in headers.items()}
