"""R8 and R9: whose type an attribute gets, and how many attributes a profile has, when everybody comes at once."""

import json
import random
from collections import Counter
from threading import Barrier
from typing import Any

from sqlalchemy import func, select

from tests.battery.client import Answer, Client
from tests.battery.crowd import CLIENTS, at_once
from tests.battery.ground import Ground, opened
from tests.battery.outcome import Outcome
from tests.world import NOON
from webapp.db import Database
from webapp.models import AttributeType, AttributeValue, Customer, Event
from webapp.registry import CUSTOMER, RESERVED

CHUNK = 10  # names of one request
EVENT = "Race"
VALUES: tuple[Any, Any] = (7, "seven")  # odd places send the one, even ones the other
TYPES = ("number", "string")
LIMIT = 100
SHARE = 12  # attributes that each writer wants on each profile: more than the limit together


def types_raced(ground: Ground, names: int) -> Outcome:
    """Half of the writers send numbers, half texts, under the same new names at the same moment."""
    chunks = [[f"n{number}" for number in range(first, first + CHUNK)] for first in range(0, names, CHUNK)]
    with ground.server() as server:
        step = Barrier(CLIENTS, timeout=60)

        def client(place: int) -> tuple[Counter[tuple[str, str, str]], list[str]]:
            sender, chance = Client(server.url, server.key), random.Random(f"{ground.seed} {place}")
            kept: Counter[tuple[str, str, str]] = Counter()
            odd = []
            for number, chunk in enumerate(chunks):
                step.wait()
                event = EVENT if number % 2 else CUSTOMER
                answer = _send(sender, event, f"w{place}-{number}", chance.sample(chunk, CHUNK), VALUES[place % 2])
                if answer is None or answer.status != 200:
                    odd.append(str(answer))
                    continue
                ignored = {one["name"] for one in answer.json.get("ignored", [])}
                kept.update((event, name, TYPES[place % 2]) for name in chunk if name not in ignored)
            sender.close()
            return kept, odd

        got = at_once(client)
        with opened(server.database_url) as database:
            types, stored = _types(database), _stored(database)
    taken = sum((kept for kept, _ in got), Counter())
    wins = {(event, name): type_ for event, name, type_ in taken}
    torn = len(taken) - len(wins)
    broken = [f"odd answer: {one}" for _, odd in got for one in odd][:5]
    broken += [f"{torn} names with two types"] if torn else []
    if types != wins or len(types) != names:
        broken.append(f"{len(types)} types are registered, {len(wins)} were told, of {names} names")
    if stored != taken:
        broken.append(f"{(stored - taken).total()} values stored though ignored, {(taken - stored).total()} not stored")
    figures = {
        "names": f"{len(types):,}",
        "with two types": str(torn),
        "values kept": f"{taken.total():,}",
        "told as ignored": f"{names * CLIENTS - taken.total():,}",
        "stored": f"{stored.total():,}",
    }
    return Outcome(f"{names:,} names, {CLIENTS} writers", figures, broken)


def _send(sender: Client, event: str, customer: str, names: list[str], value: Any) -> Answer | None:
    attributes = dict.fromkeys(names, value)
    if event == CUSTOMER:
        return sender.post("/track/user", json.dumps({"id": customer, "attributes": attributes}).encode())
    body = {"customerId": customer, "name": event, "time": NOON, "attributes": attributes}
    return sender.post("/track/event", json.dumps(body).encode())


def _types(database: Database) -> dict[tuple[str, str], str]:
    query = select(AttributeType.event_name, AttributeType.name, AttributeType.type)
    with database.read() as session:
        return {(row.event_name, row.name): row.type for row in session.execute(query)}


def _stored(database: Database) -> Counter[tuple[str, str, str]]:
    with database.read() as session:
        values = session.execute(select(AttributeValue.name, AttributeValue.value)).all()
        found = Counter((CUSTOMER, row.name, _type(json.loads(row.value))) for row in values)
        for text in session.scalars(select(Event.attributes)):
            found.update((EVENT, name, _type(value)) for name, value in json.loads(text).items())
    return found


def _type(value: Any) -> str:
    return TYPES[isinstance(value, str)]


def limits_raced(ground: Ground, customers: int) -> Outcome:
    """Everybody wants attributes of their own on the same profiles, together about twice as many as are allowed."""
    with ground.server() as server:

        def client(place: int) -> list[Answer | None]:
            sender = Client(server.url, server.key)
            own = [{"name": f"a{place}-{one}", "type": "number", "value": one} for one in range(SHARE)]
            bodies = ({"id": f"u{number}", "attributes": own} for number in range(customers))
            answers = [sender.post("/rest-api/customer", json.dumps(body).encode()) for body in bodies]
            sender.close()
            return answers

        got = at_once(client)
        with opened(server.database_url) as database:
            counts = _counts(database)
    taken = [sum(1 for answers in got if _is_taken(answers[number])) for number in range(customers)]
    odd = [str(one) for answers in got for one in answers if not _is_taken(one) and not _is_too_many(one)]
    broken = [f"odd answer: {one}" for one in odd[:5]]
    over = sum(1 for count in counts.values() if count > LIMIT)
    wrong = sum(1 for number in range(customers) if counts.get(f"u{number}") != taken[number] * SHARE)
    broken += [f"{over} profiles above the limit"] if over else []
    broken += [f"{wrong} profiles have another number of attributes than was taken"] if wrong else []
    unfair = sum(1 for number in taken if number != LIMIT // SHARE)
    broken += [f"{unfair} profiles took fewer requests than fit"] if unfair else []
    figures = {
        "most attributes of a profile": str(max(counts.values())),
        "limit": str(LIMIT),
        "taken": f"{sum(taken):,}",
        "refused": f"{customers * CLIENTS - sum(taken) - len(odd):,}",
    }
    return Outcome(f"{customers} customers, {CLIENTS} writers", figures, broken)


def _is_taken(answer: Answer | None) -> bool:
    return answer is not None and answer.status == 200


def _is_too_many(answer: Answer | None) -> bool:
    return answer is not None and answer.status == 422 and answer.json["details"][0]["type"] == "attributes.max"


def _counts(database: Database) -> dict[str, int]:
    query = (
        select(Customer.system_id, func.count())
        .join(AttributeValue, AttributeValue.customer_id == Customer.id)
        .where(AttributeValue.is_current, AttributeValue.name.not_in(RESERVED))
        .group_by(Customer.system_id)
    )
    with database.read() as session:
        return {str(system_id): count for system_id, count in session.execute(query)}
