"""The rows of the battery: what each promises, on which engines, and how much of it is done in CI and by command."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.battery.conformance import conformed
from tests.battery.disk import disks_filled
from tests.battery.edges import edges
from tests.battery.ending import ended
from tests.battery.fuzz import fuzzed
from tests.battery.ground import Ground
from tests.battery.kills import databases_killed, servers_killed
from tests.battery.outcome import Outcome
from tests.battery.races import limits_raced, types_raced
from tests.battery.storms import duplicates_stormed
from tests.battery.wal import long_read
from tests.conftest import ENGINES


@dataclass(frozen=True)
class Row:
    """`small` and `large`: how many kills, requests, names … in CI and by command."""

    name: str
    title: str
    what: str
    play: Callable[[Ground, int], Outcome]
    small: int
    large: int
    engines: tuple[str, ...] = ENGINES


ROWS = (
    Row(
        "R1",
        "The server is killed",
        "`kill -9` of all processes of the server at random moments, under six clients that send events and "
        "updates of customers, each until it is acknowledged. In the end everything acknowledged must be stored, "
        "once, and SQLite's `integrity_check` must find nothing. *Serving again* is the time from the kill to the"
        " first acknowledgement, with the start of the new process in it.",
        servers_killed,
        20,
        100,
        ("sqlite",),
    ),
    Row(
        "R2",
        "The server and PostgreSQL are killed",
        "As R1 on a PostgreSQL of its own; half of the kills are `pg_ctl -m immediate stop` of PostgreSQL while "
        "the server goes on. Meanwhile clients must get nothing but 503, `/healthz` must answer 200, and the "
        "server must store again by itself once PostgreSQL is back.",
        databases_killed,
        20,
        40,
        ("postgresql",),
    ),
    Row(
        "R4",
        "The disk is full",
        "The database lies on a small disk (a tmpfs; of PostgreSQL all but its log of writes), which is filled to"
        " the last byte, freed and filled again, under the clients of R1. They must get nothing but 200, 503 and "
        "507, the list and a profile must be shown all along to somebody who is signed in, `/readyz` must say so,"
        " and storing must go on by itself.",
        disks_filled,
        5,
        20,
    ),
    Row(
        "R5",
        "A storm of duplicates",
        "Sixteen clients send the same thousand messages, each in an order of its own and many times: one half "
        "events with a time, some of them in batches of ten, one half events of now with an `Idempotency-Key`. Every "
        "answer must be a 200, and a thousand rows must be stored.",
        duplicates_stormed,
        16_000,
        80_000,
    ),
    Row(
        "R8",
        "Two types race for a name",
        "Sixteen clients send values under the same new names at the same moment, one half of them numbers and "
        "one half texts; one half of the names are customers' attributes and one half events'. Each name must "
        "have one type, every value of it must be stored, and every other one must be told as ignored to whoever "
        "sent it.",
        types_raced,
        2_000,
        2_000,
    ),
    Row(
        "R9",
        "The limit of attributes is raced for",
        "Sixteen clients each want twelve attributes of their own on the same customers, who may have a hundred. "
        "No customer may ever have more, each request must be taken whole or refused whole, and as many as fit "
        "are taken.",
        limits_raced,
        200,
        200,
    ),
    Row(
        "F1",
        "Fuzzing",
        "Bodies from a grammar of what the endpoints know, full bodies with values replaced or bytes flipped, "
        "deep nesting, random bytes, and bodies with faults planted in them, on every ingestion endpoint (through"
        " the app in one process, for speed). Each must be a documented 200 or a 422 in the one shape of errors, "
        "cost less than a second of processor time, and so many faults planted must give so many details, each of"
        " its type at its path.",
        fuzzed,
        12_000,
        500_000,
    ),
    Row(
        "F3",
        "The API is as it is described",
        "schemathesis reads `/openapi.json` and asks every endpoint of a real server: the examples, random data that "
        "fits the description and data that doesn't, and at the larger size every boundary in it, wrong methods and "
        "missing keys. Every status, media type, header and body must be described, no answer may have a field that "
        "isn't, what fits must be taken unless for a rule that no schema can say, and what doesn't must be refused. "
        "Questions are about one customer who is there; one more is archived, and one is erased.",
        conformed,
        5,
        500,
    ),
    Row(
        "F5",
        "Edge bodies",
        "A table of bodies and values that have been trouble somewhere: NUL, surrogates, 2⁶³, 1e999, NaN, "
        "duplicate keys, depths to 100,000, 4,301 digits, BOM, empty, 1 MB and a byte, years 0 and 10000, "
        "right-to-left, joined emoji. Every row is sent to every endpoint of a real server, must be taken or "
        "refused with exactly the expected fault, and what is refused must leave nothing behind.",
        edges,
        1,
        1,
    ),
    Row(
        "End",
        "SIGTERM under load",
        "The server is told to end while six requests wait for the database. Each of them must be answered, later"
        " ones find a closed connection, the process must end within its grace of 10 s, and nothing acknowledged "
        "may be missing.",
        ended,
        2,
        10,
    ),
    Row(
        "WAL",
        "A reader that stays",
        "Another process keeps a transaction for reading open while clients write, so that SQLite can't move "
        "anything out of its log of writes, which grows. Once the reader has gone, the log must be cut again.",
        long_read,
        24,
        200,
        ("sqlite",),
    ),
)
