"""What columns are for, by their titles: of any file, and of the exports of customers that other products write."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from webapp import dictionary


class Known(NamedTuple):
    """An export that is recognised by its titles.

    `marks`: titles that it has, of which no other export has all. `targets`: what its columns are for; the others are
    attributes. `types`: of attributes, where a sample doesn't tell. `note`: what to tell who imports it.
    """

    name: str
    marks: frozenset[str]
    targets: Mapping[str, str]
    types: Mapping[str, str]
    note: str = ""


# Titles as `dictionary.fold` has them: without letter case, spaces and punctuation.
_SHOPIFY = Known(
    "Shopify",
    frozenset({"firstname", "lastname", "email", "acceptsemailmarketing", "totalspent", "totalorders"}),
    {
        "customerid": "id",
        "firstname": "name",
        "lastname": "name",
        "email": "email",
        "phone": "mobile",
        "defaultaddressphone": "attribute",
    },
    {
        "acceptsemailmarketing": "boolean",
        "acceptssmsmarketing": "boolean",
        "taxexempt": "boolean",
        "totalspent": "number",
        "totalorders": "number",
        "defaultaddresszip": "string",
        "zip": "string",
        "tags": "string",
        "note": "string",
    },
    "Shopify writes a mark (') before ids and phone numbers; it is left out.",
)
_KLAVIYO = Known(
    "Klaviyo",
    frozenset({"klaviyoid", "email"}),
    {
        "externalid": "id",
        "klaviyoid": "id",
        "firstname": "name",
        "lastname": "name",
        "email": "email",
        "phonenumber": "mobile",
        "title": "attribute",
    },
    {
        "profilecreatedon": "date",
        "dateadded": "date",
        "firstactive": "date",
        "lastactive": "date",
        "lastopen": "date",
        "lastclick": "date",
        "zipcode": "string",
        "emailmarketingconsent": "string",
        "latitude": "number",
        "longitude": "number",
    },
    "Where your other systems send another id than Klaviyo’s, choose the column that has it.",
)
KNOWN = (_SHOPIFY, _KLAVIYO)

# Of any file. Where several titles fit, the column of the first of these is it.
_CUSTOMER: dict[str, tuple[str, ...]] = {
    "id": (
        "systemid", "customerid", "userid", "clientcustomerid", "externalid", "clientid", "memberid", "customernumber",
        "customerno", "customer", "user", "id",
    ),
    "name": ("name", "fullname", "customername", "displayname"),
    "email": ("email", "emailaddress", "mail"),
    "mobile": ("mobile", "phone", "phonenumber", "mobilenumber", "telephone", "mobilephone", "cellphone"),
}  # fmt: skip
_EVENT: dict[str, tuple[str, ...]] = {
    "id": tuple(one for one in _CUSTOMER["id"] if one != "id"),
    "event": ("event", "eventname", "eventtype", "action", "activity"),
    "time": (
        "time", "timestamp", "date", "datetime", "eventtime", "eventdate", "occurredat", "createdat", "purchasedate",
        "orderdate", "paidat", "created",
    ),
}  # fmt: skip
_NAMES = ("firstname", "lastname")
# Of the file of failed rows, which somebody mends and imports again.
ROW, REASONS = "Import row", "Import reasons"


def recognised(titles: Sequence[str]) -> Known | None:
    """The export that has these titles."""
    folded = {dictionary.fold(title) for title in titles}
    return next((one for one in KNOWN if one.marks <= folded), None)


def targets(titles: Sequence[str], kind: str) -> list[str]:
    """What each column is for: the kind of a target."""
    folded = [dictionary.fold(title) if title else "" for title in titles]
    known = recognised(titles) if kind == "customers" else None
    ours = {dictionary.fold(ROW), dictionary.fold(REASONS), ""}
    found = ["ignored" if title in ours else "attribute" for title in folded]
    if known is None:
        asked = _CUSTOMER if kind == "customers" else _EVENT
    else:
        asked = {}
        for title, target in known.targets.items():
            asked[target] = (*asked.get(target, ()), title)
    for target, fitting in asked.items():
        places = [folded.index(title) for title in fitting if title in folded]
        if target == "attribute":
            continue
        for place in places if target == "name" and known is not None else places[:1]:
            found[place] = target
    if kind == "customers" and "name" not in found:
        for title in _NAMES:
            if title in folded:
                found[folded.index(title)] = "name"
    return found
