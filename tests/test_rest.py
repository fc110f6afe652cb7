"""`/rest-api/customer` and `/rest-api/event`."""

from tests.world import Shop, rows
from webapp.models import Customer


def test_customer_is_created(shop: Shop) -> None:
    answer = shop.send("/rest-api/customer", {"id": "u1", "attributes": []})
    assert answer.status_code == 200
    assert answer.json == {"success": True}
    assert rows(shop.database, Customer) == 1
