"""Whose an e-mail or a mobile is now: several people may have the same one."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from webapp import search
from webapp.models import Customer, Workspace

Contact = Literal["email", "mobile"]


class Holders(NamedTuple):
    """People by their roots, seen last first. `is_all` is false where more have or had it than one look can tell."""

    people: Sequence[Customer]
    is_all: bool


def find(session: Session, workspace: Workspace, field: Contact, text: str) -> Holders:
    """Who has this e-mail (without regard to letter case) or mobile (in any usual format) now.

    Whoever had it formerly isn't found: of a person who gave it up nobody wants the profile.
    """
    ids, is_all = search.whole(session, workspace, field, text)
    members = select(Customer.root_id, Customer.id).where(Customer.workspace_id == workspace.id, Customer.id.in_(ids))
    roots = {root_id or id_ for root_id, id_ in session.execute(members)}
    people = session.scalars(select(Customer).where(Customer.id.in_(roots))) if roots else ()
    region = workspace.default_region
    found = [one for one in people if (value := getattr(one, field)) and search.is_same(field, value, text, region)]
    return Holders(sorted(found, key=lambda one: (one.last_seen_at, one.id), reverse=True), is_all)
