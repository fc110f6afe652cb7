"""Plans of imports: what is suggested for the columns of a file, and what keeps a plan from being followed."""

import pytest

from tests.importing import get, run, start, suggested, upload
from tests.world import Shop
from webapp import import_plans, importing
from webapp.import_faults import FaultyError
from webapp.import_plans import Plan, Preview, Target
from webapp.imports import Limits


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importing, "_PAUSE", 0)


def test_types_that_are_there_already_hold(shop: Shop) -> None:
    shop.customer("u1", points="many", born="2020-01-01T00:00:00Z")
    id_ = upload(shop, "id,Points,Born\nu2,12,31.01.2024\n")
    with shop.database.read() as session:
        preview = import_plans.preview(session, get(shop, id_))
    assert [(one.target.name, one.existing_type) for one in preview.columns[1:]] == [
        ("points", "string"), ("born", "date"),
    ]  # fmt: skip
    start(shop, id_)
    importing.work_off(shop.database, Limits())
    assert shop.attributes("u2") == {"points": ("string", "12"), "born": ("date", "2024-01-30T18:30:00Z")}


def test_every_fault_of_a_plan_is_told(shop: Shop) -> None:
    id_ = upload(shop, "a,b,c,d\n1,2,3,4\n")
    targets = (
        Target("attribute", ""), Target("attribute", "x" * 50, "array"), Target("attribute", "email"),
        Target("attribute", "when", "date", "someday"),
    )  # fmt: skip
    plan = Plan("customers", targets=targets, bad="file")
    with pytest.raises(FaultyError) as caught:
        start(shop, id_, plan)
    assert [(one.column, one.field) for one in caught.value.faults] == [
        (None, "bad"), (0, "name"), (1, "name"), (1, "type"), (2, "name"), (3, "format"), (None, "target"),
    ]  # fmt: skip
    with pytest.raises(FaultyError) as caught:
        start(shop, id_, Plan("customers", "utf-7", "x", targets=(Target("id"), Target("id"))))
    assert [one.field for one in caught.value.faults] == ["encoding", "delimiter", "target"]
    assert get(shop, id_).state == "new"


def test_faults_of_events(shop: Shop) -> None:
    id_ = upload(shop, "a,b\n1,2\n", "events")
    with pytest.raises(FaultyError) as caught:
        start(shop, id_, Plan("events", targets=(Target("email"), Target())))
    assert [one.field for one in caught.value.faults] == ["target", "target", "event_name", "target"]


def test_a_form_with_anything_in_it_is_read(shop: Shop) -> None:
    id_ = upload(shop, "id,b\n1,2\n")
    odd = {"columns": "９", "target-0": "\x00", "delimiter": "\t", "has_header": "1", "event_name": "\ud800"}
    for columns in ("2", "-1", "1e9", "", "99999999999", "９"):
        plan = import_plans.read_form(get(shop, id_), odd | {"columns": columns})
        with pytest.raises(FaultyError):
            start(shop, id_, plan)
    form = {"columns": "2", "target-0": "id", "target-1": "attribute", "name-1": "b", "type-1": "number"}
    plan = import_plans.read_form(get(shop, id_), form | {"encoding": "utf-8", "delimiter": ",", "has_header": "1"})
    assert plan.targets == (Target("id"), Target("attribute", "b", "number"))
    start(shop, id_, plan)


@pytest.mark.parametrize("data", ["id,name\n", "\n\n", "\ufeff"])
def test_files_without_rows(shop: Shop, data: str) -> None:
    id_ = upload(shop, data)
    with pytest.raises(FaultyError, match="no rows"):
        start(shop, id_)


def test_duplicate_titles_and_empty_ones(shop: Shop) -> None:
    id_ = upload(shop, "id,city,city,\n1,Bern,Thun,x\n")
    plan = suggested(shop, id_)
    with pytest.raises(FaultyError, match="another column"):
        start(shop, id_, plan)
    start(shop, id_, suggested(shop, id_, {2: Target("attribute", "city 2")}))
    importing.work_off(shop.database, Limits())
    assert shop.attributes("1") == {"city": ("string", "Bern"), "city 2": ("string", "Thun")}


def _look(shop: Shop, id_: int, plan: Plan | None = None) -> Preview:
    with shop.database.read() as session:
        return import_plans.preview(session, get(shop, id_), plan)


ORDERS = "customer,time,{}Price,When\nu1,2026-03-01,{}12.5,2026-01-01\nu2,2026-03-02,{}13.5,2026-01-02\n"


@pytest.mark.parametrize("names", [("", "", ""), ("event,", "A,", "B,")], ids=["one name", "several names"])
def test_attributes_of_customers_are_none_of_events(shop: Shop, names: tuple[str, str, str]) -> None:
    shop.customer("u1", Price="cheap", When="soon")
    id_ = upload(shop, ORDERS.format(*names), "events")
    looked = _look(shop, id_)
    assert [(one.target.type, one.existing_type) for one in looked.columns[-2:]] == [("number", None), ("date", None)]
    with shop.database.read() as session:
        assert import_plans.with_types(session, get(shop, id_), looked.plan) == looked.plan


@pytest.mark.parametrize(
    ("names", "file"), [(("", "", ""), "purchased.csv"), (("event,", "'=Purchased,", "=Purchased,"), "a.csv")]
)
def test_types_are_those_of_the_event(shop: Shop, names: tuple[str, str, str], file: str) -> None:
    shop.event("=Purchased" if names[0] else "Purchased", Price="cheap")
    looked = _look(shop, upload(shop, ORDERS.format(*names), "events", file))
    assert [one.existing_type for one in looked.columns[-2:]] == ["string", None]


def test_types_are_those_of_the_event_that_the_plan_names(shop: Shop) -> None:
    shop.event("Purchased", Price="cheap")
    id_ = upload(shop, ORDERS.format("", "", ""), "events", "a.csv")
    assert _look(shop, id_, Plan("events", event_name="Purchased")).plan.targets[2].type == "string"
    assert _look(shop, id_, Plan("events", event_name="Bought")).plan.targets[2].type == "number"


def test_an_event_whose_name_has_a_mark_has_its_types(shop: Shop) -> None:
    shop.event("=Opened", system_id="u9", Amount="a text")
    imported = run(shop, "user_id,event,time,Amount\nu1,'=Opened,2026-03-01,5\nu1,Closed,2026-03-01,5\n", "events")
    assert (imported.events, imported.ignored) == (2, 0)
    assert [one.body["attributes"] for one in shop.events("u1") if one.name == "=Opened"] == [{"Amount": "5"}]


@pytest.mark.parametrize("names", [("", "", ""), ("event,", "Bought,", "Bought,")], ids=["of all", "in a column"])
def test_an_attribute_of_any_type_takes_the_chosen_one(shop: Shop, names: tuple[str, str, str]) -> None:
    shop.event("Bought", system_id="u9", Price=[1, "a"], When=[None])
    assert shop.types("Bought") == {"Price": "custom", "When": "custom"}
    imported = run(shop, ORDERS.format(*names), "events", event_name="" if names[0] else "Bought")
    assert (imported.state, imported.events, imported.ignored) == ("done", 2, 0)
    (event,) = shop.events("u2")
    assert event.body["attributes"] == {"Price": 13.5, "When": "2026-01-01T18:30:00Z"}
    assert shop.types("Bought") == {"Price": "custom", "When": "custom"}


def test_titles_that_are_never_closed_are_told(shop: Shop) -> None:
    for rows in (1, 100_000):
        id_ = upload(shop, 'id,"name\n' + "u1,Ann\n" * rows)
        with pytest.raises(FaultyError, match="quotation mark in the titles is never closed"):
            start(shop, id_, suggested(shop, id_))


@pytest.mark.parametrize(("number", "told"), [(130_000, "130,001"), (400_000, "more than 131,0")])
def test_a_file_of_too_many_columns_is_told_of(shop: Shop, number: int, told: str) -> None:
    id_ = upload(shop, f"{'a,' * number}\n{'1,' * number}\n")
    looked = _look(shop, id_)
    assert len(looked.columns) == len(looked.plan.targets) == 20
    for plan in (looked.plan, Plan("customers", has_header=False)):
        with pytest.raises(FaultyError, match=rf"^The file has {told}.* columns; 1,000 are allowed$"):
            start(shop, id_, plan)
