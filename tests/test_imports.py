"""Imports of customers and events from CSV: what comes out is what the API would have made of the same."""

import io
from collections.abc import Callable

import pytest
from sqlalchemy.orm import Session

from tests.importing import failed_rows, failures, figures, get, run, start, suggested, upload
from tests.world import Clock, Shop, rows, stored
from webapp import audit, clock, import_files, import_plans, importing, imports
from webapp.db import Database
from webapp.import_faults import FaultyError
from webapp.import_plans import Plan, Target
from webapp.imports import Limits, NotFoundError, WrongError
from webapp.ingest import application
from webapp.models import AuditEntry, Event, IgnoredValue, Import, ImportChunk, ImportFailure

PEOPLE = """Customer ID,Name,E-Mail,Points,Joined,Newsletter
1001,Ann Lee,ann@shop.example,12,2024-01-31,yes
1002,"O'Neil, Bob",bob@shop.example,,2024-02-01 10:00,no
"""


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PAUSE", 0)


def test_customers(shop: Shop) -> None:
    imported = run(shop, PEOPLE)
    assert (imported.state, figures(imported)) == ("done", {"rows": 2, "created": 2})
    assert (imported.total, imported.position) == (2, len(PEOPLE.encode()))
    assert shop.attributes("1001") == {
        "name": ("string", "Ann Lee"),
        "email": ("string", "ann@shop.example"),
        "Points": ("number", 12),
        "Joined": ("date", "2024-01-30T18:30:00Z"),
        "Newsletter": ("boolean", True),
    }
    assert "Points" not in shop.attributes("1002"), "an empty cell is left out"
    assert shop.find("1002").name == "O'Neil, Bob"


def test_the_same_again_changes_nothing(shop: Shop) -> None:
    run(shop, PEOPLE)
    before = stored(shop.database)
    assert figures(run(shop, PEOPLE)) == {"rows": 2, "unchanged": 2}
    changed = run(shop, PEOPLE.replace(",12,", ",13,"))
    assert figures(changed) == {"rows": 2, "updated": 1, "unchanged": 1}
    assert stored(shop.database)["customers"] == before["customers"]
    assert shop.attributes("1001")["Points"] == ("number", 13)


EVENTS = """customer,date,Amount,Coupon
u1,2024-01-31 10:00,12.5,yes
u1,2024-01-31 10:00,12.5,yes
u2,2024-02-01,7,
"""


def test_events(shop: Shop) -> None:
    imported = run(shop, EVENTS, "events", event_name="Purchased")
    assert figures(imported) == {"rows": 3, "created": 2, "events": 3}, "equal rows are events of their own"
    assert [(one.name, one.reported_at, one.body["attributes"]) for one in shop.events("u2")] == [
        ("Purchased", 1706725800000, {"Amount": 7})
    ]
    assert figures(run(shop, EVENTS, "events", event_name="Purchased")) == {"rows": 3, "unchanged": 3}
    assert rows(shop.database, Event) == 3


def test_events_with_names_of_their_own(shop: Shop) -> None:
    shop.event("Opened", system_id="u9", Amount="a text")
    data = "user_id,event,timestamp,Amount\nu1,Opened,1706725800,5\nu1,Closed,1706725900,5\nu1,,1706725900,5\n"
    imported = run(shop, data, "events")
    assert figures(imported) == {"rows": 3, "created": 1, "events": 2, "failed": 1}
    assert shop.types("Opened") == {"Amount": "string"}, "each event has types of its own"
    assert shop.types("Closed") == {"Amount": "number"}
    assert failures(shop, imported) == {4: ["event is empty; every event needs a name"]}


def test_it_is_as_if_sent_to_the_api(shop: Shop, other_shop: Shop) -> None:
    people = [(f"u{number}", number, number * 0.5, f"City {number % 3}") for number in range(700)]
    run(shop, "id,points,spent,city\n" + "".join(f"{a},{b},{c},{d}\n" for a, b, c, d in people))
    changes = [
        {"type": "customer", "id": a, "attributes": {"points": b, "spent": c, "city": d}} for a, b, c, d in people
    ]
    assert other_shop.send("/api/v1/batch", {"changes": changes}).status_code == 200
    assert shop.types() == other_shop.types()
    for id_ in ("u0", "u1", "u699"):
        assert shop.attributes(id_) == other_shop.attributes(id_)


BAD = """id,points,joined,note
u1,12,2024-01-31,fine
u2,many,2024-02-30,bad cells
,5,2024-01-31,no id
null,5,2024-01-31,placeholder
u3,5,2024-01-31,too,many
u4,5
u5,5,2024-01-31,nul \x00 here
u6,5,2024-01-31,\xff
"""
_AS = {1: Target("attribute", "points", "number"), 2: Target("attribute", "joined", "date", "year")}


def test_a_bad_value_costs_its_cell(shop: Shop) -> None:
    imported = run(shop, BAD.encode("latin-1"), targets=_AS, encoding="utf-8")
    assert figures(imported) == {"rows": 8, "created": 5, "failed": 3, "ignored": 4}
    assert failures(shop, imported) == {
        3: ["points is no number: “many”", "joined is no date of the calendar (year-month-day): “2024-02-30”"],
        4: ["id is empty; every row needs the customer’s id"],
        5: ["id is the placeholder “null”, no customer’s id"],
        6: ["the row has 5 cells, but there are 4 columns"],
        8: ["note has a NUL character"],
        9: ["note has bytes that are no text in this encoding"],
    }
    assert shop.attributes("u2") == {"note": ("string", "bad cells")}
    assert shop.attributes("u4") == {"points": ("number", 5)}
    assert rows(shop.database, IgnoredValue) == 0, "whoever imports is told here"


def test_a_bad_value_costs_its_row(shop: Shop) -> None:
    imported = run(shop, BAD.encode("latin-1"), targets=_AS, encoding="utf-8", bad="row")
    assert figures(imported) == {"rows": 8, "created": 2, "failed": 6}
    assert failed_rows(shop, imported).decode().splitlines()[:3] == [
        '\ufeff"id","points","joined","note","Import row","Import reasons"',
        '"u2","many","2024-02-30","bad cells",3,"points is no number: “many”; '
        'joined is no date of the calendar (year-month-day): “2024-02-30”"',
        '"","5","2024-01-31","no id",4,"id is empty; every row needs the customer’s id"',
    ]


def test_a_type_that_is_fixed_after_the_start_holds(shop: Shop) -> None:
    id_ = upload(shop, "id,points\nu2,12\n")
    start(shop, id_)
    shop.customer("u1", points="many")
    importing.work_off(shop.database, Limits())
    assert shop.attributes("u2") == {"points": ("string", "12")}


def test_too_many_attributes_cost_the_row(shop: Shop) -> None:
    shop.send("/rest-api/customer", {"id": "u1", "attributes": [
        {"name": f"a{number}", "type": "number", "value": 1} for number in range(100)
    ]})  # fmt: skip
    imported = run(shop, "id,one more\nu1,1\nu2,1\n")
    assert figures(imported) == {"rows": 2, "created": 1, "failed": 1}
    assert "100" in failures(shop, imported)[2][0]


def test_a_trial_stores_nothing(shop: Shop) -> None:
    shop.customer("u1")
    lines = "".join(f"u{number % 600},{number}\n" for number in range(1_000))
    before = stored(shop.database)
    tried = run(shop, f"id,points\n{lines},5\n", dry=True)
    assert stored(shop.database) == before
    assert (tried.state, figures(tried)) == ("ready", {"rows": 1_001, "created": 599, "updated": 401, "failed": 1})
    assert len(failures(shop, tried)) == 1
    start(shop, tried.id, import_plans.of(tried))
    importing.work_off(shop.database, Limits())
    done = get(shop, tried.id)
    assert (done.state, figures(done)) == ("done", figures(tried))
    assert len(failures(shop, done)) == 1


@pytest.mark.parametrize(
    ("encoding", "delimiter"), [("utf-16", ","), ("utf-8-sig", ";"), ("windows-1252", ";"), ("utf-16-le", "\t")]
)
def test_files_as_programs_write_them(shop: Shop, encoding: str, delimiter: str) -> None:
    data = PEOPLE.replace(",", delimiter).replace("Ann Lee", "Änn Lée").encode(encoding)
    imported = run(shop, data)
    assert figures(imported) == {"rows": 2, "created": 2}
    assert shop.find("1001").name == "Änn Lée"


def test_a_huge_cell_costs_its_row(shop: Shop) -> None:
    imported = run(shop, f'id,text\nu1,"{"x" * 3_000_000}"\nu2,next\n')
    assert figures(imported) == {"rows": 2, "created": 1, "failed": 1}
    assert failures(shop, imported) == {2: ["the row is longer than 1,000,000 characters"]}
    assert len(failed_rows(shop, imported)) < 100_000


def test_too_much_for_an_attribute_costs_its_cell(shop: Shop) -> None:
    imported = run(shop, f'id,text\nu1,"{"x" * 70_000}"\n')
    assert figures(imported) == {"rows": 1, "created": 1, "ignored": 1}


SHOPIFY = (
    "Customer ID,First Name,Last Name,Email,Accepts Email Marketing,Default Address Company,Default Address Address1,"
    "Default Address Address2,Default Address City,Default Address Province Code,Default Address Country Code,"
    "Default Address Zip,Default Address Phone,Phone,Accepts SMS Marketing,Total Spent,Total Orders,Note,Tax Exempt,"
    "Tags\n'7210448301122,Ann,Lee,ann@shop.example,yes,,1 Main St,,Bern,BE,CH,03011,,"
    '\'+41310000000,no,150.00,3,,no,"VIP, a"\n'
)
KLAVIYO = (
    "Email,Klaviyo ID,First Name,Last Name,City,State / Region,Country,Zip Code,Source,Email Marketing Consent,"
    "Profile Created On,Date Added\nann@shop.example,01ABC,Ann,Lee,Bern,BE,CH,03011,-8,SUBSCRIBED,"
    "2024-01-31 10:00:00+00:00,2024-02-01\n"
)


def test_shopifys_export_is_recognised(shop: Shop) -> None:
    id_ = upload(shop, SHOPIFY)
    with shop.database.read() as session:
        assert import_plans.preview(session, get(shop, id_)).format_name == "Shopify"
    start(shop, id_)
    importing.work_off(shop.database, Limits())
    found = shop.attributes("7210448301122")
    assert found["name"] == ("string", "Ann Lee")
    assert found["mobile"] == ("string", "+41310000000")
    assert found["Default Address Zip"] == ("string", "03011")
    assert found["Total Spent"] == ("number", 150.0)
    assert found["Accepts Email Marketing"] == ("boolean", True)
    assert found["Tags"] == ("string", "VIP, a")


def test_klaviyos_export_is_recognised(shop: Shop) -> None:
    id_ = upload(shop, KLAVIYO)
    with shop.database.read() as session:
        assert import_plans.preview(session, get(shop, id_)).format_name == "Klaviyo"
    start(shop, id_)
    importing.work_off(shop.database, Limits())
    found = shop.attributes("01ABC")
    assert found["Profile Created On"] == ("date", "2024-01-31T10:00:00Z")
    assert found["name"] == ("string", "Ann Lee")


def test_an_import_goes_on_where_it_was(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = "".join(f"u{number % 50},2024-01-31,{number % 7}\n" for number in range(1_000))
    id_ = upload(shop, f"customer,time,amount\n{lines}", "events")
    start(shop, id_)
    keep = importing._Work._keep

    def stop_after(number: int) -> None:
        def stopping(work: importing._Work, *given: object) -> None:
            if work._rows >= number:
                raise KeyboardInterrupt
            keep(work, *given)  # type: ignore[arg-type]

        monkeypatch.setattr(importing._Work, "_keep", stopping)

    for number in (0, 300, 600):
        stop_after(number)
        with pytest.raises(KeyboardInterrupt):
            importing.work_off(shop.database, Limits())
        assert (get(shop, id_).rows, rows(shop.database, Event)) == (number, number)
        with shop.database.write() as session:
            session.get_one(Import, id_).leased_until = 0
    monkeypatch.setattr(importing._Work, "_keep", keep)
    importing.work_off(shop.database, Limits())
    assert figures(get(shop, id_)) == {"rows": 1_000, "created": 50, "events": 1_000}
    assert rows(shop.database, Event) == 1_000


def test_nobody_works_on_what_another_works_on(shop: Shop) -> None:
    id_ = upload(shop, PEOPLE)
    start(shop, id_)
    with shop.database.write() as session:
        assert importing.claim(imports.locked(session, audit.console(shop.workspace.id), id_), "another")
    importing.work_off(shop.database, Limits())
    assert get(shop, id_).rows == 0
    assert importing.go_on(shop.database, Limits()) is True


def test_a_row_that_breaks_something_costs_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    apply = application.apply

    def breaking(arrival: object, told: list[object]) -> object:
        if any(one.change.who == "u7" for one in told):  # type: ignore[attr-defined]
            raise RuntimeError("what nobody foresaw")
        return apply(arrival, told)  # type: ignore[arg-type]

    monkeypatch.setattr(application, "apply", breaking)
    imported = run(shop, "id,n\n" + "".join(f"u{number},1\n" for number in range(20)))
    assert figures(imported) == {"rows": 20, "created": 19, "failed": 1}
    assert list(failures(shop, imported)) == [9]


def test_cancelling_stops_it_and_removes_the_file(shop: Shop) -> None:
    id_ = upload(shop, PEOPLE)
    start(shop, id_)
    who = audit.console(shop.workspace.id)
    with shop.database.write() as session:
        imports.cancel(session, who, id_)
    assert importing.go_on(shop.database, Limits()) is False
    cancelled = get(shop, id_)
    assert (cancelled.state, cancelled.is_kept, cancelled.rows) == ("cancelled", False, 0)
    assert rows(shop.database, ImportChunk) == 0
    with pytest.raises(WrongError), shop.database.write() as session:
        imports.cancel(session, who, id_)
    with pytest.raises(WrongError):
        start(shop, id_, Plan("customers"))


def test_files_are_removed_in_the_end(shop: Shop, hands: Clock) -> None:
    done = run(shop, "id\n,\nu1\n,x\n")
    waiting = upload(shop, PEOPLE)
    hands.wait(6 * clock.DAY)
    imports.forget_old(shop.database)
    assert rows(shop.database, ImportChunk) == 2
    hands.wait(clock.DAY + 1)
    imports.forget_old(shop.database)
    assert (rows(shop.database, ImportChunk), rows(shop.database, ImportFailure)) == (0, 0)
    assert (get(shop, done.id).is_kept, get(shop, waiting).state) == (False, "cancelled")


def test_a_file_that_is_started_meanwhile_is_kept(shop: Shop, hands: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = upload(shop, PEOPLE)
    hands.wait(8 * clock.DAY)
    plan, transact = suggested(shop, id_), Database.transact

    def started(database: Database, work: Callable[[Session], object]) -> object:
        monkeypatch.setattr(Database, "transact", transact)
        start(shop, id_, plan)
        return transact(database, work)

    monkeypatch.setattr(Database, "transact", started)
    imports.forget_old(shop.database)
    importing.work_off(shop.database, Limits())
    assert (get(shop, id_).state, figures(get(shop, id_))) == ("done", {"rows": 2, "created": 2})


@pytest.mark.parametrize("dry", [False, True])
def test_a_file_that_is_removed_meanwhile_is_told(shop: Shop, monkeypatch: pytest.MonkeyPatch, *, dry: bool) -> None:
    id_ = upload(shop, PEOPLE)
    start(shop, id_, dry=dry)
    count = importing._Work._count

    def counted(work: importing._Work) -> bool:
        found = count(work)
        import_files.remove(shop.database, id_)
        return found

    monkeypatch.setattr(importing._Work, "_count", counted)
    importing.work_off(shop.database, Limits())
    ended = get(shop, id_)
    assert (ended.state, ended.error, ended.rows) == ("failed", "the file was removed meanwhile", 0)


class _Broken(io.BytesIO):
    """A browser that goes away in the middle of a file."""

    def read(self, number: int | None = -1) -> bytes:
        piece = super().read(number)
        if not piece:
            raise ValueError("the connection is gone")
        return piece


def test_a_file_that_does_not_arrive_leaves_nothing(shop: Shop) -> None:
    who = audit.console(shop.workspace.id)
    for stream, limits, error in (
        (_Broken(b"id\n1\n" * 100_000), Limits(), ValueError),
        (io.BytesIO(b"id\n1\n" * 100_000), Limits(largest_file=400_000), WrongError),
        (io.BytesIO(), Limits(), WrongError),
    ):
        with pytest.raises(error):
            imports.prepare(shop.database, who, stream, "a.csv", "customers", limits)
    assert (rows(shop.database, Import), rows(shop.database, ImportChunk)) == (0, 0)


def test_a_file_is_kept_byte_by_byte(shop: Shop) -> None:
    data = bytes(range(256)) * 4_000
    id_ = upload(shop, data)
    assert b"".join(import_files.pieces(shop.database, id_)) == data
    assert b"".join(import_files.pieces(shop.database, id_, 600_001)) == data[600_001:]


def test_the_documented_limits(shop: Shop) -> None:
    limits = Limits(most_columns=3, most_rows=2)
    imported = run(shop, PEOPLE + PEOPLE.partition("\n")[2], limits=limits)
    assert (imported.state, imported.error) == ("failed", "the file has 4 rows; 2 are allowed")
    assert stored(shop.database)["customers"] == 0
    id_ = upload(shop, PEOPLE)
    with pytest.raises(FaultyError, match="6 columns; 3 are allowed"), shop.database.write() as session:
        imports.start(session, audit.console(shop.workspace.id), id_, suggested(shop, id_), limits, dry=False)


def test_other_workspaces_find_nothing(shop: Shop, other_shop: Shop) -> None:
    id_ = upload(shop, PEOPLE)
    with shop.database.read() as session, pytest.raises(NotFoundError):
        imports.find(session, other_shop.workspace.id, id_)
    with pytest.raises(NotFoundError):
        list(imports.failed_rows(shop.database, other_shop.workspace.id, id_))
    with shop.database.read() as session:
        assert [one.id for one in imports.latest(session, shop.workspace.id)] == [id_]
        assert list(imports.latest(session, other_shop.workspace.id)) == []


def test_who_imported_what_is_noted(shop: Shop) -> None:
    run(shop, PEOPLE)
    with shop.database.read() as session:
        noted = session.query(AuditEntry).order_by(AuditEntry.id).all()
    assert [(one.action, one.target, one.actor) for one in noted] == [
        ("import.started", "people.csv", "console"), ("import.ended", "people.csv", "console"),
    ]  # fmt: skip
    assert "ann@shop.example" not in "".join(one.details for one in noted)
