"""The boxes of the profile: each is read and drawn alone, so that one that fails leaves the others as they are."""

from collections.abc import Callable
from typing import Any, NamedTuple

from flask import get_flashed_messages, render_template
from markupsafe import Markup
from sqlalchemy.orm import Session

from webapp import customers, db, htmx, logs
from webapp.models import Customer
from webapp.pages import moments
from webapp.pages.guards import Place


class Person(NamedTuple):
    """The customer of the address, and the row ids of all profiles that are this person, the root's first.

    `as_of`: the moment that the page shows, epoch ms; nothing reported later is to be seen. None: now.
    """

    customer: Customer
    ids: list[int]
    as_of: int | None


class Panel(NamedTuple):
    """A box. Its name is that of its partial, its root element's id, and the target by which htmx asks for it.

    `read`: what the partial needs to know beside the customer.
    """

    name: str
    title: str
    read: Callable[[Session, Place, Person], dict[str, Any]]


def person(session: Session, here: Place, growlytics_id: str) -> Person:
    """The person one of whose profiles has this Growlytics ID, as of the moment that the address asks for.

    Raises customers.NotFoundError.
    """
    customer = customers.find(session, here.workspace.id, growlytics_id)
    return Person(customer, customers.members(session, customer.root_id or customer.id), moments.asked(here))


def told() -> list[str]:
    """What a form has to say, where only its panel is drawn; on a whole page it stands on top."""
    return [str(message) for message in get_flashed_messages()] if htmx.is_request() else []


def draw(panel: Panel, session: Session, here: Place, whose: Person) -> Markup:
    """The panel as HTML; where that fails, a box that says so, and a line in the log.

    A database that can't be reached fails the whole page: there is nothing that could be shown instead.
    """
    try:
        text = render_template(
            f"customers/_{panel.name}.html",
            customer=whose.customer,
            as_of=whose.as_of,
            **panel.read(session, here, whose),
        )
    except Exception as error:
        if db.trouble(error) is not None:
            raise
        logs.panel_failed(panel.name, error)
        text = render_template("customers/_trouble.html", panel=panel, request_id=logs.request_id.get())
    return Markup(text)  # noqa: S704 - what templates have escaped
