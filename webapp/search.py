"""Finding customers by System ID, Growlytics ID, email, mobile and name.

Every text a customer can be found by is a row of `search_terms`, so that one search is one range of one index.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import phonenumbers
from sqlalchemy import case, delete, or_, select
from sqlalchemy.orm import Session

from webapp.db import insert
from webapp.models import Customer, SearchTerm, Workspace

FIELDS = {
    "system_id": "System ID",
    "growlytics_id": "Growlytics ID",
    "email": "email",
    "mobile": "mobile",
    "name": "name",
}
LIMIT = 50
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


def find(session: Session, workspace: Workspace, text: str) -> Sequence[Hit]:
    """Up to LIMIT customers, exact hits first, then those with a term that begins with the text.

    Letter case never matters; a mobile may be typed in any usual format.
    """
    asked = {fold(text)} | _mobile_questions(text, workspace.default_region)
    asked.discard("")
    if not asked:
        return []
    exact = case((SearchTerm.term.in_(asked), 0), else_=1)
    begins = [(SearchTerm.term >= one) & (SearchTerm.term < one + _AFTER_ALL_TEXT) for one in asked]
    query = (
        select(SearchTerm.customer_id, SearchTerm.field, exact.label("rank"))
        .where(SearchTerm.workspace_id == workspace.id, or_(*begins))
        .order_by(exact, SearchTerm.term, SearchTerm.customer_id)
        .limit(LIMIT * 4)  # one customer may match by several terms
    )
    best: dict[int, tuple[str, int]] = {}
    for customer_id, field, rank in session.execute(query):
        best.setdefault(customer_id, (field, rank))
    wanted = list(best)[:LIMIT]
    people = {row.id: row for row in session.scalars(select(Customer).where(Customer.id.in_(wanted)))}
    return [Hit(people[id_], best[id_][0], best[id_][1] == 0) for id_ in wanted]


def add(session: Session, workspace: Workspace, values: Iterable[tuple[int, str, str]]) -> None:
    """Make customers findable: `(customer id, field, value)` each."""
    rows = [
        {"workspace_id": workspace.id, "term": term, "customer_id": customer_id, "field": field}
        for customer_id, field, value in values
        for term in terms(field, value, workspace.default_region)
    ]
    if rows:
        session.execute(insert(session)(SearchTerm).on_conflict_do_nothing(), rows)


def replace(session: Session, workspace: Workspace, customer_id: int, values: dict[str, str]) -> None:
    """Make a customer findable by these values (by field) instead of those fields' earlier ones."""
    session.execute(delete(SearchTerm).where(SearchTerm.customer_id == customer_id, SearchTerm.field.in_(values)))
    add(session, workspace, [(customer_id, field, value) for field, value in values.items()])


def refresh_mobiles(session: Session, workspace: Workspace) -> None:
    """Make all mobiles findable again after the workspace's default region has changed."""
    after = 0
    while True:
        query = (
            select(Customer.id, Customer.mobile)
            .where(Customer.workspace_id == workspace.id, Customer.mobile.is_not(None), Customer.id > after)
            .order_by(Customer.id)
            .limit(1000)
        )
        rows = session.execute(query).all()
        if not rows:
            return
        ids = [row.id for row in rows]
        session.execute(delete(SearchTerm).where(SearchTerm.customer_id.in_(ids), SearchTerm.field == "mobile"))
        add(session, workspace, [(row.id, "mobile", row.mobile) for row in rows])
        after = ids[-1]


def fold(text: str) -> str:
    """Text as it is compared in a search: without regard to letter case, width of characters or outer spaces."""
    plain = " ".join(text.replace("\x00", "").split())[:_MOST_FOLDED]  # no text in a database has a NUL
    return unicodedata.normalize("NFKC", plain).casefold()[:_TERM_LENGTH].strip()


def terms(field: str, value: str, region: str) -> set[str]:
    """The texts by whose beginning a value is found."""
    if field == "mobile":
        found = _mobile_terms(value, region)
    elif field == "email":
        found = _tails(fold(value), r"[.@_+\-]+")
    elif field == "name":
        found = _tails(fold(value), r"[\s.\-]+")
    else:
        found = {fold(value)}
    return found - {""}


def _tails(text: str, between: str) -> set[str]:
    starts = [match.end() for match in re.finditer(between, text)]
    return {text, *(text[start:] for start in starts[:_MOST_TAILS])}


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
