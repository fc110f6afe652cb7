"""Changes of the types of attributes: what one would do, beginning one, and what has become of it.

The type changes at once: what comes from then on has to be of it. Values that are stored follow one after the other
(webapp/converting.py); until then whoever reads them makes them of the new type by the same rules.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from webapp import clock, conversions, fitting, registry, samples, values, workspaces
from webapp.dictionary import CUSTOMER, ITSELF
from webapp.models import AttributeType, TypeChange, User, Workspace

_AT_EACH = 100  # values from each of the places (samples.PLACES) that a preview looks at
_MOST_REFUSED = 8
_MOST_EARLIER = 10  # changes of one attribute that are shown


class NotFoundError(LookupError):
    """There is no such attribute, or no such change."""


class WrongError(ValueError):
    """A type can't be changed so; the message says why, as a sentence without its full stop."""


class Sample(NamedTuple):
    """A value, as JSON, of a customer (by Growlytics ID and name), and what it would become; None: nothing."""

    value: str
    becomes: str | None
    growlytics_id: str
    called: str


class Preview(NamedTuple):
    """What a change would do to some present values; `is_all`: there are no others. `fitting`: stay as they are."""

    type: str
    is_all: bool
    fitting: int
    converting: Sequence[Sample]
    failing: Sequence[Sample]

    @property
    def looked_at(self) -> int:
        """How many were looked at."""
        return self.fitting + len(self.converting) + len(self.failing)


class Told(NamedTuple):
    """A change, and the e-mail address of who made it."""

    change: TypeChange
    by: str


def choices(event_name: str, name: str) -> Sequence[str]:
    """The types that an attribute can have; of a reserved one just the one that it has."""
    if event_name != CUSTOMER:
        return values.EVENT_TYPES
    return ("string",) if name in registry.RESERVED else values.SCALARS


def start(session: Session, workspace_id: int, user_id: int, key: tuple[str, str], type_: str) -> TypeChange:
    """Give an attribute (event name, name) another type, from now on. To be called in `Database.write`.

    A change of it that is under way ends: this one goes on from there. Raises NotFoundError and WrongError.
    """
    former = _locked(session, workspace_id, key)
    if type_ not in choices(*key):
        raise WrongError(f"the type can't be changed to “{type_}”")
    if former.type == type_:
        raise WrongError(f"the type is {type_} already")
    now = clock.now()
    change = TypeChange(
        workspace_id=workspace_id,
        event_name=key[0],
        name=key[1],
        former=former.type,
        type=type_,
        user_id=user_id,
        created_at=now,
        # What events have carried stays as it came: nothing is left to be done.
        ended_at=None if key[0] == CUSTOMER else now,
    )
    session.execute(
        update(TypeChange).where(*_of(workspace_id, key), _IS_OPEN).values(ended_at=now, is_superseded=True)
    )
    former.type, former.created_at = type_, now
    # So that every process asks for the types again; counted by the database, lest one of two changes at once is lost.
    workspace = session.get_one(Workspace, workspace_id)
    workspace.types_version = Workspace.types_version + 1
    session.add(change)
    session.flush()
    return change


_IS_OPEN = TypeChange.ended_at.is_(None)


def _locked(session: Session, workspace_id: int, key: tuple[str, str]) -> AttributeType:
    found = None
    if key[1] != ITSELF and "\x00" not in "".join(key):
        found = session.get(AttributeType, (workspace_id, *key), with_for_update=True)
    if found is None:
        raise NotFoundError(key)
    return found


def _of(workspace_id: int, key: tuple[str, str]) -> list[Any]:
    return [TypeChange.workspace_id == workspace_id, TypeChange.event_name == key[0], TypeChange.name == key[1]]


def find(session: Session, workspace_id: int, id_: int) -> TypeChange:
    """A change of the workspace. Raises NotFoundError."""
    change = session.get(TypeChange, id_)
    if change is None or change.workspace_id != workspace_id:
        raise NotFoundError(id_)
    return change


def take_back(session: Session, workspace_id: int, user_id: int, id_: int) -> TypeChange:
    """Give the attribute of a change the type that it had before. Raises NotFoundError and WrongError."""
    change = find(session, workspace_id, id_)
    return start(session, workspace_id, user_id, (change.event_name, change.name), change.former)


def of_attribute(session: Session, workspace_id: int, key: tuple[str, str]) -> list[Told]:
    """The latest changes of an attribute, the last one first."""
    query = select(TypeChange, User.email).join(User, User.id == TypeChange.user_id).where(*_of(workspace_id, key))
    return [Told(*row) for row in session.execute(query.order_by(TypeChange.id.desc()).limit(_MOST_EARLIER))]


def under_way(session: Session, workspace_id: int, names: Iterable[str]) -> set[str]:
    """Those of these attributes of customers of which not all values are of their type yet."""
    query = select(TypeChange.name).where(
        _IS_OPEN,
        TypeChange.workspace_id == workspace_id,
        TypeChange.event_name == CUSTOMER,
        TypeChange.name.in_(list(names)),
    )
    return set(session.scalars(query))


def preview(session: Session, workspace: Workspace, name: str, type_: str) -> Preview:
    """What would become of the present values of an attribute of customers."""
    zone = workspaces.zone(workspace)
    rows = session.execute(samples.spread(workspace.id, name, _AT_EACH)).all()
    number = 0
    converting: list[Sample] = []
    failing: list[Sample] = []
    present = [row for row in rows if row.name == name and row.is_current]
    for row in present:
        text = fitting.stand_in(row.value)
        fit = conversions.fit(text, row.original, type_, zone)
        if fit is not None and fit.value == text:
            number += 1
        else:
            becomes = None if fit is None else samples.short(fit.value)
            called = row.called or row.system_id or "Anonymous visitor"
            some = failing if fit is None else converting
            some.append(Sample(samples.short(text), becomes, row.growlytics_id, called))
    is_all = max(Counter(row.place for row in rows).values(), default=0) < _AT_EACH
    return Preview(type_, is_all, number, converting, failing)


class Trial(NamedTuple):
    """Of values that came, how many would be taken if the attribute had a type, and some that would be refused."""

    type: str
    taken: int
    looked_at: int
    refused: Sequence[str]


def trial(came: Sequence[Any], type_: str) -> Trial:
    """What would become of such values as events have carried."""
    refused = [one for one in came if not values.conforms(one, type_)]
    texts = dict.fromkeys(samples.short(json.dumps(one, ensure_ascii=False)) for one in refused)
    return Trial(type_, len(came) - len(refused), len(came), list(texts)[:_MOST_REFUSED])
