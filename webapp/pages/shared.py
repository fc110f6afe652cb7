"""What several panels of a profile show of a person: read once while their page is drawn."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TypeVar

from sqlalchemy.orm import Session

from webapp import attributes, devices, events, masking, visits
from webapp.pages.guards import Place
from webapp.pages.panels import Person

Found = TypeVar("Found")


def once(read: Callable[[Session, Place, Person], Found]) -> Callable[[Session, Place, Person], Found]:
    """The same, but for one look however often it is asked: a session draws a page, which shows one person."""

    @wraps(read)
    def known(session: Session, here: Place, person: Person) -> Found:
        if known not in session.info:
            session.info[known] = read(session, here, person)
        found: Found = session.info[known]
        return found

    return known


@once
def attribute_values(session: Session, here: Place, person: Person) -> list[attributes.Shown]:
    """All attributes, as they were at the moment that the page shows, and as far as they may be seen."""
    found = attributes.of_person(session, here.workspace.id, person.ids, person.as_of)
    return [masking.covered(one) for one in found] if here.masks else found


@once
def event_names(session: Session, _here: Place, person: Person) -> Sequence[tuple[str, int]]:
    """The names of all events until now and how many there are of each, most frequent first."""
    return events.names(session, person.ids)


@once
def used_devices(session: Session, _here: Place, person: Person) -> list[devices.Shown]:
    """The devices in use until the moment that the page shows, the one used last first."""
    return devices.of_person(session, person.ids, person.as_of)


@once
def visit_ends(session: Session, _here: Place, person: Person) -> visits.Ends | None:
    """The first and the last visit that had begun at the moment that the page shows."""
    return visits.ends(session, person.ids, person.as_of)
