"""Finding customers by System ID, Growlytics ID, email, mobile and name.

Every text a customer can be found by is a row of `search_terms`, so that one search is one range of one index.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain

import phonenumbers
from sqlalchemy import ColumnElement, Row, delete, select
from sqlalchemy.orm import Session

from webapp.db import Database, insert
from webapp.models import Customer, SearchTerm, Workspace

FIELDS = {
    "system_id": "System ID",
    "growlytics_id": "Growlytics ID",
    "email": "email",
    "mobile": "mobile",
    "name": "name",
}
LIMIT = 50
_MOST_ROWS = 4 * LIMIT  # one customer may match by several terms
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
    """A customer found, and which field matched how."""

    customer: Customer
    field: str
    is_exact: bool

    @property
    def reason(self) -> str:
        """`email matches` or `part of email`, for the page."""
        return f"{FIELDS[self.field]} matches" if self.is_exact else f"part of {FIELDS[self.field]}"

    @property
    def value(self) -> str:
        """The value of the field that matched."""
        return str(getattr(self.customer, self.field))


@dataclass(frozen=True, slots=True)
class Found:
    """The first customers that a search found, and whether there are more."""

    hits: Sequence[Hit]
    has_more: bool


def find(session: Session, workspace: Workspace, text: str) -> Found:
    """Up to LIMIT customers: those of whom a whole value is the text, then those of whom a part begins with it.

    Letter case never matters; a mobile may be typed in any usual format. Each query is a stretch of the primary key
    in its order, so that it ends after its limit however many terms there are.
    """
    asked = sorted({fold(text), *_mobile_questions(text, workspace.default_region)} - {""})
    exact = [_stretch(session, workspace.id, SearchTerm.term == one) for one in asked]
    begun = [
        _stretch(session, workspace.id, SearchTerm.term > one, SearchTerm.term < one + _AFTER_ALL_TEXT) for one in asked
    ]
    terms_hit = list(chain(*exact))
    whole = [row for row in terms_hit if not row.is_tail]
    part = [row for row in terms_hit if row.is_tail] + list(chain(*begun))
    best: dict[int, tuple[str, bool]] = {}
    for row, is_exact in [(row, True) for row in whole] + [(row, False) for row in part]:
        best.setdefault(row.customer_id, (row.field, is_exact))
    wanted = list(best)[:LIMIT]
    people = {row.id: row for row in session.scalars(select(Customer).where(Customer.id.in_(wanted)))}
    has_more = len(best) > LIMIT or any(len(rows) == _MOST_ROWS for rows in exact + begun)
    return Found([Hit(people[id_], *best[id_]) for id_ in wanted], has_more)


def _stretch(session: Session, workspace_id: int, *where: ColumnElement[bool]) -> Sequence[Row[int, str, bool]]:
    query = (
        select(SearchTerm.customer_id, SearchTerm.field, SearchTerm.is_tail)
        .where(SearchTerm.workspace_id == workspace_id, *where)
        .order_by(SearchTerm.term, SearchTerm.is_tail, SearchTerm.customer_id, SearchTerm.field)
        .limit(_MOST_ROWS)
    )
    return session.execute(query).all()


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
        session.execute(insert(session)(SearchTerm).on_conflict_do_nothing(), rows)


def replace(session: Session, workspace: Workspace, customer_id: int, values: dict[str, str]) -> None:
    """Make a customer findable by these values (by field) instead of those fields' earlier ones."""
    session.execute(delete(SearchTerm).where(SearchTerm.customer_id == customer_id, SearchTerm.field.in_(values)))
    add(session, workspace, [(customer_id, field, value) for field, value in values.items()])


def refresh_mobiles(database: Database, workspace: Workspace) -> None:
    """Make all mobiles findable again after the workspace's default region has changed, some at a time."""
    after: int | None = 0
    while after is not None:
        after = database.transact(partial(_refresh_some, workspace=workspace, after=after))


def _refresh_some(session: Session, workspace: Workspace, after: int) -> int | None:
    query = (
        select(Customer.id, Customer.mobile)
        .where(Customer.workspace_id == workspace.id, Customer.mobile.is_not(None), Customer.id > after)
        .order_by(Customer.id)
        .limit(500)
        .with_for_update()  # a mobile that changes meanwhile must not get its former terms back
    )
    rows = session.execute(query).all()
    ids = [row.id for row in rows]
    session.execute(delete(SearchTerm).where(SearchTerm.customer_id.in_(ids), SearchTerm.field == "mobile"))
    add(session, workspace, [(row.id, "mobile", row.mobile) for row in rows])
    return ids[-1] if ids else None


def fold(text: str) -> str:
    """Text as it is compared in a search: without regard to letter case, width of characters or outer spaces."""
    plain = " ".join(text.replace("\x00", "").split())[:_MOST_FOLDED]  # no text in a database has a NUL
    return unicodedata.normalize("NFKC", plain).casefold()[:_TERM_LENGTH].strip()


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
    return {f"{number.country_code}{national}", national, *(term for term in written if term.isdecimal())}


def _mobile_questions(text: str, region: str) -> set[str]:
    if not re.fullmatch(r"[\d\s()+./\-]{3,}", text.strip(), re.ASCII):
        return set()
    number = _parsed(text[:_LONGEST_NUMBER], region)
    if number is not None:
        return {f"{number.country_code}{phonenumbers.national_significant_number(number)}"}
    digits = _digits(text)
    # Half a number being typed: leading zeros dial the trunk or abroad and aren't part of the number.
    return {digits, digits.lstrip("0")}


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text, flags=re.ASCII)[:_TERM_LENGTH]


@lru_cache(maxsize=4096)
def _parsed(text: str, region: str) -> phonenumbers.PhoneNumber | None:
    try:
        number = phonenumbers.parse(text, region)
    except phonenumbers.NumberParseException:
        return None
    return number if phonenumbers.is_valid_number(number) else None
