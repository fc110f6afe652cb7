"""Finding customers by System ID, Growlytics ID, email, mobile and name.

Every text a customer can be found by is a row of `search_terms`, so that one search is one range of one index.
"""

import json
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain
from typing import NamedTuple

import phonenumbers
from sqlalchemy import ClauseElement, ColumnElement, Row, Select, delete, exists, select
from sqlalchemy.orm import Session

from webapp import statements
from webapp.db import Base, Database
from webapp.models import AttributeValue, Customer, SearchTerm, Workspace

FIELDS = {
    "system_id": "System ID",
    "growlytics_id": "Growlytics ID",
    "email": "email",
    "mobile": "mobile",
    "name": "name",
}
LIMIT = 50
_MOST_ROWS = 4 * LIMIT  # one customer may match by several terms
_CONTACTS = ("email", "mobile")
_MOST_PASSED_OVER = 2_000  # terms, to find those that are neither
# Longer texts are found by their beginning; an index entry of PostgreSQL has to stay under 2,700 bytes.
_TERM_LENGTH = 200
# Only so much of a text is folded: sorting 64 KiB of combining marks, as Unicode wants it, takes seconds.
_MOST_FOLDED = 1000
_LONGEST_NUMBER = 64
# Only so many tails of one e-mail or name are kept: a name of 64 KiB must not become ten thousand rows.
_MOST_TAILS = 12
_AFTER_ALL_TEXT = "\U0010ffff"


@dataclass(frozen=True, slots=True)
class Hit:
    """A person found, and which field matched how.

    `value`: what matched. `is_former`: it is a value of former times, or the Growlytics ID of a merged profile.
    """

    customer: Customer
    field: str
    is_exact: bool
    is_former: bool
    value: str

    @property
    def reason(self) -> str:
        """`email matches`, `part of former mobile`, `merged id`, for the page."""
        if self.field == "growlytics_id" and self.is_former:
            return "merged id" if self.is_exact else "part of merged id"
        field = f"former {FIELDS[self.field]}" if self.is_former else FIELDS[self.field]
        return f"{field} matches" if self.is_exact else f"part of {field}"


@dataclass(frozen=True, slots=True)
class Found:
    """The first customers that a search found, and whether there are more."""

    hits: Sequence[Hit]
    has_more: bool


class _Match(NamedTuple):
    """A term that matched: whose profile's, of which field, and whether the whole value is the text."""

    customer_id: int
    field: str
    term: str
    is_exact: bool


def find(session: Session, workspace: Workspace, text: str, *, is_masked: bool = False) -> Found:
    """Up to LIMIT people: those of whom a whole value is the text, then those of whom a part begins with it.

    Letter case never matters; a mobile may be typed in any usual format. Each query is a stretch of the primary key
    in its order, so that it ends after its limit however many terms there are. `is_masked`: of e-mails and mobiles
    only the whole is looked for, so that nobody finds out letter by letter what they don't see.
    """
    asked = sorted({fold(text), *_mobile_questions(text, workspace.default_region)} - {""})
    exact = [_stretch(session, workspace.id, SearchTerm.term == one) for one in asked]
    of_beginning = _beginning_of_others if is_masked else _stretch
    begun = [
        of_beginning(session, workspace.id, SearchTerm.term > one, SearchTerm.term < one + _AFTER_ALL_TEXT)
        for one in asked
    ]
    terms_hit = [row for row in chain(*exact) if not (is_masked and row.is_tail and row.field in _CONTACTS)]
    rows = [row for row in terms_hit if not row.is_tail]
    number_whole = len(rows)
    rows += [row for row in terms_hit if row.is_tail] + list(chain(*begun))
    best: dict[int, _Match] = {}
    for place, row in enumerate(rows):
        best.setdefault(row.customer_id, _Match(row.customer_id, row.field, row.term, place < number_whole))
    people = _people(session, list(best.values()))
    has_more = len(people) > LIMIT or any(len(rows) == _MOST_ROWS for rows in exact + begun)
    return Found(_hits(session, workspace, people[:LIMIT]), has_more)


def whole(session: Session, workspace: Workspace, field: str, text: str) -> tuple[set[int], bool]:
    """The profiles of which an e-mail or mobile was ever this one: their ids, and whether these are all of them.

    A mobile may be written in any usual format; with a country code it isn't taken for another country's.
    """
    asked = {fold(text)}
    if field == "mobile":
        asked = _mobile_questions(text, workspace.default_region) or asked
    of_field = (SearchTerm.field == field, ~SearchTerm.is_tail)
    found = [_stretch(session, workspace.id, SearchTerm.term == one, *of_field) for one in sorted(asked - {""})]
    return {row.customer_id for rows in found for row in rows}, all(len(rows) < _MOST_ROWS for rows in found)


def is_same(field: str, value: str, text: str, region: str) -> bool:
    """Whether an e-mail or mobile is the one that somebody means by a text."""
    if field == "mobile":
        questions = _mobile_questions(text, region) or {fold(text)}
        return not questions.isdisjoint(terms(field, value, region))
    return _compared(value) == _compared(text)


def _compared(text: str) -> str:
    return normal(" ".join(text.split())[:_MOST_FOLDED])


def _people(session: Session, matches: list[_Match]) -> list[tuple[_Match, Customer, Customer]]:
    """Each person once, by the best match of any of the person's profiles: the match, that profile, the root.

    Stops when there are more than LIMIT: nearly always the first few matches are as many people.
    """
    first: dict[int, tuple[_Match, Customer, Customer]] = {}
    for begin in range(0, len(matches), LIMIT + 1):
        if len(first) > LIMIT:
            break
        some = matches[begin : begin + LIMIT + 1]
        members = _by_id(session, {match.customer_id for match in some})
        roots = members | _by_id(session, {one.root_id for one in members.values() if one.root_id} - set(members))
        for match in some:
            member = members[match.customer_id]
            person = roots[member.root_id or member.id]
            first.setdefault(person.id, (match, member, person))
    return list(first.values())


def _by_id(session: Session, ids: set[int]) -> dict[int, Customer]:
    found = session.scalars(select(Customer).where(Customer.id.in_(ids))) if ids else ()
    return {one.id: one for one in found}


def _hits(session: Session, workspace: Workspace, people: list[tuple[_Match, Customer, Customer]]) -> list[Hit]:
    found = [
        (match, person, _current(match, member, person, workspace.default_region)) for match, member, person in people
    ]
    values = _former(session, workspace, [match for match, _, value in found if value is None])
    return [
        Hit(
            person,
            match.field,
            match.is_exact,
            is_former=value is None or (match.field == "growlytics_id" and match.customer_id != person.id),
            value=values[match] if value is None else value,
        )
        for match, person, value in found
    ]


def _current(match: _Match, member: Customer, person: Customer, region: str) -> str | None:
    """The value that matched, where it is one of the person's present ones; ids always are."""
    if match.field in {"system_id", "growlytics_id"}:
        return str(getattr(member, match.field))
    value = getattr(person, match.field)
    return str(value) if value is not None and match.term in terms(match.field, value, region) else None


def _former(session: Session, workspace: Workspace, matches: list[_Match]) -> dict[_Match, str]:
    """The former value that each of these matches is about."""
    if not matches:
        return {}
    query = select(AttributeValue.customer_id, AttributeValue.name, AttributeValue.value).where(
        AttributeValue.customer_id.in_([match.customer_id for match in matches]),
        AttributeValue.name.in_({match.field for match in matches}),
    )
    rows = session.execute(query.order_by(AttributeValue.until_at.desc())).all()
    found = dict.fromkeys(matches, "")
    for match in matches:
        for row in rows:
            value = json.loads(row.value)
            is_it = (row.customer_id, row.name) == (match.customer_id, match.field)
            if is_it and match.term in terms(match.field, value, workspace.default_region):
                found[match] = value
                break
    return found


def _stretch(session: Session, workspace_id: int, *where: ColumnElement[bool]) -> Sequence[Row[int, str, str, bool]]:
    return session.execute(_first(_MOST_ROWS, workspace_id, *where)).all()


def _first(number: int, workspace_id: int, *where: ColumnElement[bool]) -> Select[int, str, str, bool]:
    query = select(SearchTerm.customer_id, SearchTerm.field, SearchTerm.term, SearchTerm.is_tail)
    query = query.where(SearchTerm.workspace_id == workspace_id, *where)
    order = (SearchTerm.term, SearchTerm.is_tail, SearchTerm.customer_id, SearchTerm.field)
    return query.order_by(*order).limit(number)


def _beginning_of_others(
    session: Session, workspace_id: int, *where: ColumnElement[bool]
) -> Sequence[Row[int, str, str, bool]]:
    """The same without e-mails and mobiles, as far as it is found among the first terms: there may be a million."""
    first = _first(_MOST_PASSED_OVER, workspace_id, *where).subquery().c
    query = select(first.customer_id, first.field, first.term, first.is_tail).where(first.field.not_in(_CONTACTS))
    query = query.order_by(first.term, first.is_tail, first.customer_id, first.field)
    return session.execute(query.limit(_MOST_ROWS)).all()


def add(session: Session, workspace: Workspace, values: Iterable[tuple[int, str, str]]) -> None:
    """Make customers findable: `(customer id, field, value)` each."""
    rows = [
        {
            "workspace_id": workspace.id,
            "term": term,
            "is_tail": is_tail,
            "customer_id": customer_id,
            "field": field,
        }
        for customer_id, field, value in values
        for term, is_tail in terms(field, value, workspace.default_region).items()
    ]
    if rows:
        statements.execute_later(session, _adding, rows)


def _adding(dialect: str) -> ClauseElement:
    return statements.inserting(dialect, Base.metadata.tables[SearchTerm.__tablename__].c).on_conflict_do_nothing()


def replace(session: Session, workspace: Workspace, customer_id: int, field: str, values: Iterable[str]) -> None:
    """Make a customer findable by these values of a field, instead of those it was found by."""
    session.execute(delete(SearchTerm).where(SearchTerm.customer_id == customer_id, SearchTerm.field == field))
    add(session, workspace, [(customer_id, field, value) for value in values])


def refresh_mobiles(database: Database, workspace: Workspace) -> None:
    """Make all mobiles findable again after the workspace's default region has changed, some at a time."""
    after: int | None = 0
    while after is not None:
        after = database.transact(partial(_refresh_some, workspace=workspace, after=after))


def _refresh_some(session: Session, workspace: Workspace, after: int) -> int | None:
    has_mobile = exists().where(AttributeValue.customer_id == Customer.id, AttributeValue.name == "mobile")
    query = (
        select(Customer.id)
        .where(Customer.workspace_id == workspace.id, Customer.id > after, has_mobile)
        .order_by(Customer.id)
        .limit(500)
        .with_for_update()  # a mobile that comes meanwhile must not be left out
    )
    ids = session.scalars(query).all()
    session.execute(delete(SearchTerm).where(SearchTerm.customer_id.in_(ids), SearchTerm.field == "mobile"))
    values = select(AttributeValue.customer_id, AttributeValue.value)
    values = values.where(AttributeValue.customer_id.in_(ids), AttributeValue.name == "mobile")
    add(session, workspace, [(id_, "mobile", json.loads(value)) for id_, value in session.execute(values)])
    return ids[-1] if ids else None


def fold(text: str) -> str:
    """Text as it is compared in a search: without regard to letter case, width of characters or outer spaces."""
    plain = " ".join(text.replace("\x00", "").split())[:_MOST_FOLDED]  # no text in a database has a NUL
    return normal(plain)[:_TERM_LENGTH].strip()


def normal(text: str) -> str:
    """Text without regard to letter case and width of characters; it should not be long."""
    return unicodedata.normalize("NFKC", text).casefold()


def terms(field: str, value: str, region: str) -> dict[str, bool]:
    """The texts by whose beginning a value is found, and whether each is but a tail of it."""
    if field == "mobile":
        found = dict.fromkeys(_mobile_terms(value, region), False)
    elif field == "email":
        found = _tails(fold(value), r"[.@_+\-]+")
        # `com` alone would be a term of nearly everybody.
        found = {term: is_tail for term, is_tail in found.items() if not is_tail or re.search("[.@]", term)}
    elif field == "name":
        found = _tails(fold(value), r"[\s.\-]+")
    else:
        found = {fold(value): False}
    return {term: is_tail for term, is_tail in found.items() if term}


def _tails(text: str, between: str) -> dict[str, bool]:
    starts = [match.end() for match in re.finditer(between, text)]
    return dict.fromkeys((text[start:] for start in starts[:_MOST_TAILS]), True) | {text: False}


def _mobile_terms(value: str, region: str) -> set[str]:
    """With the country code, without it, and the digits as they stand, so that any of them finds the number."""
    number = _parsed(value[:_LONGEST_NUMBER], region)
    written = {_digits(value), fold(value)}
    if number is None:
        return written
    national = phonenumbers.national_significant_number(number)
    return {_international(number), national, *(term for term in written if term.isdecimal())}


def _mobile_questions(text: str, region: str) -> set[str]:
    if not re.fullmatch(r"[\d\s()+./\-]{3,}", text.strip(), re.ASCII):
        return set()
    number = _parsed(text[:_LONGEST_NUMBER], region)
    if number is not None:
        return {_international(number)}
    digits = _digits(text)
    # Half a number being typed: leading zeros dial the trunk or abroad and aren't part of the number.
    return {digits, digits.lstrip("0")}


def plain_mobile(value: str, region: str) -> str:
    """A mobile in the one way in which it is compared, however it is spelled: with its country code, digits alone.

    Of what is no number there are the digits, or else the text.
    """
    number = _parsed(value[:_LONGEST_NUMBER], region)
    return (_digits(value) or fold(value)) if number is None else _international(number)


def _international(number: phonenumbers.PhoneNumber) -> str:
    return f"{number.country_code}{phonenumbers.national_significant_number(number)}"


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text, flags=re.ASCII)[:_TERM_LENGTH]


@lru_cache(maxsize=4096)
def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
