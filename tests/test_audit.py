"""The audit log: what people do is noted, in the same transaction, and nothing that is noted can be changed."""

import orjson
import pytest
from flask.testing import FlaskClient
from sqlalchemy import select, text
from sqlalchemy.exc import DBAPIError

from tests.world import Shop, submit
from webapp.db import Database
from webapp.models import AuditEntry


def _entries(database: Database) -> list[AuditEntry]:
    with database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def test_what_somebody_does_is_noted_with_where_from(shop: Shop, alice: FlaskClient) -> None:
    submit(alice, "/settings/keys", name="Tills")
    made = _entries(shop.database)[-1]
    assert (made.action, made.actor, made.address) == ("key.created", "alice@shop.example", "127.0.0.1")
    assert orjson.loads(made.details) == {"name": "Tills", "kind": "server"}
    submit(alice, f"/settings/keys/{made.target}/revocation", form_on="/settings/keys")
    ended = _entries(shop.database)[-1]
    assert (ended.action, ended.target) == ("key.revoked", made.target)


@pytest.mark.parametrize("statement", ["UPDATE audit SET actor = 'nobody'", "DELETE FROM audit"])
def test_nothing_that_is_noted_can_be_changed(shop: Shop, alice: FlaskClient, statement: str) -> None:
    submit(alice, "/settings/keys", name="Tills")
    with pytest.raises(DBAPIError, match="only ever added to"), shop.database.write() as session:
        session.execute(text(statement))
    assert _entries(shop.database)[-1].actor == "alice@shop.example"
