"""What tests of imports do: upload a file, follow the plan that is suggested, work it off."""

import io
from dataclasses import replace
from typing import Any

from tests.world import Shop
from webapp import audit, import_plans, importing, imports
from webapp.import_plans import Plan, Target
from webapp.imports import FileKind, Limits
from webapp.models import Import

_NONE = Limits()


def upload(shop: Shop, data: bytes | str, kind: FileKind = "customers", name: str = "people.csv") -> int:
    """Keep a file. Returns the id of its import."""
    content = data.encode() if isinstance(data, str) else data
    return imports.prepare(shop.database, audit.console(shop.workspace.id), io.BytesIO(content), name, kind, Limits())


def suggested(shop: Shop, id_: int, targets: dict[int, Target] | None = None, **changes: Any) -> Plan:
    """The plan that is suggested, with other targets at some places and with changes."""
    with shop.database.read() as session:
        plan = import_plans.preview(session, imports.find(session, shop.workspace.id, id_)).plan
    found = [(targets or {}).get(place, one) for place, one in enumerate(plan.targets)]
    return replace(plan, targets=tuple(found), **changes)


def start(shop: Shop, id_: int, plan: Plan | None = None, *, dry: bool = False) -> None:
    """Have it imported; nobody does yet."""
    with shop.database.write() as session:
        who = audit.console(shop.workspace.id)
        imports.start(session, who, id_, plan or suggested(shop, id_), Limits(), dry=dry)


def get(shop: Shop, id_: int) -> Import:
    """How far it has come."""
    with shop.database.read() as session:
        return imports.find(session, shop.workspace.id, id_)


def run(
    shop: Shop, data: bytes | str, kind: FileKind = "customers", targets: dict[int, Target] | None = None,
    *, dry: bool = False, limits: Limits = _NONE, **changes: Any,
) -> Import:  # fmt: skip
    """Import a file as is suggested, with changes."""
    id_ = upload(shop, data, kind)
    start(shop, id_, suggested(shop, id_, targets, **changes), dry=dry)
    importing.work_off(shop.database, limits)
    return get(shop, id_)


def failures(shop: Shop, imported: Import) -> dict[int, list[str]]:
    """Why rows failed, or cells of them were left out, by the number of the row."""
    with shop.database.read() as session:
        return {one.row: [reason.text for reason in one.reasons] for one in imports.failures(session, imported)}


def failed_rows(shop: Shop, imported: Import) -> bytes:
    """The file of failed rows."""
    return b"".join(imports.failed_rows(shop.database, shop.workspace.id, imported.id))


def figures(imported: Import) -> dict[str, int]:
    """The counts that aren't 0."""
    return {name: number for name, number in imports.counts(imported).items() if number}
