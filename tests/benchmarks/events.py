"""The events that are sent: about 600 bytes each, no two alike."""

import json
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from webapp import clock

PATH = "/track/event/v2"
_NAMES = ("Page Viewed", "Product Viewed", "Add To Cart", "Checkout Started", "Purchased", "Review Written")


def _template(name: str) -> str:
    """A body as text in which four things are left open: customer, time (epoch ms), order number, amount."""
    attributes = [
        ("Order Number", "string", "%s"),
        ("Amount", "number", "<amount>"),
        ("Currency", "string", "EUR"),
        ("Product", "string", f"Merino pullover, charcoal, seen at {name}"),
        ("Is First Time Purchaser", "boolean", False),
        ("Promised For", "date", "2026-11-24 12:00:00"),
        ("Page", "string", "https://shop.example/men/pullovers/merino-charcoal"),
    ]
    body = {
        "customerId": "%s",
        "name": name,
        "time": "<time>",
        "attributes": [dict(zip(("name", "type", "value"), one, strict=True)) for one in attributes],
    }
    return json.dumps(body).replace('"<time>"', "%d").replace('"<amount>"', "%d.25")


TEMPLATES = tuple(map(_template, _NAMES))


def stream(customers: Sequence[str], run: int) -> Iterator[str]:
    """Bodies without end, of customers at random. Those of another run differ from them, as do those of `write`."""
    chance = random.Random(run)
    start = clock.now() - clock.DAY
    number = 0
    while True:
        number += 1
        template = TEMPLATES[number % len(TEMPLATES)]
        yield template % (chance.choice(customers), start + number, f"{run}/{number}", chance.randrange(1000))


def write(folder: Path, customers: Sequence[str]) -> tuple[Path, Path]:
    """Write what `events.lua` makes the same bodies of: the files of the templates and of the customers' ids."""
    templates, ids = folder / "templates", folder / "customers"
    templates.write_text("\n".join(TEMPLATES))
    ids.write_text("\n".join(customers))
    return templates, ids
