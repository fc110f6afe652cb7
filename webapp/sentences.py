"""Well-known events in words: `Bought 3 products for 128.50`. What isn't certain isn't said.

Names are compared without case, spaces and signs: `add_to_cart`, `AddToCart` and `Add To Cart` are one name.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from webapp.events import Shown

_LONGEST, _LARGEST = 80, 10**12  # characters of a value; a number that is an amount
_Told = Mapping[str, Any]  # scalars and lists by folded name
_Say = Callable[[_Told], Markup | None]

# A price may be that of one of several, and what a whole cart costs says nothing of what is put into it.
_OF_ORDER = (
    "amount",
    "total",
    "totalamount",
    "ordertotal",
    "ordervalue",
    "orderamount",
    "grandtotal",
    "revenue",
    "value",
)
_OF_CART = ("carttotal", "cartvalue", *_OF_ORDER)
_OF_REFUND = ("refund", "refundamount", "refundedamount", *_OF_ORDER)
_OF_ONE = ("amount",)
_PRICE = ("price", "productprice", "amount")
_THINGS = ("products", "items", "lineitems", "productnames", "skus", "productids", "skupurchased")
_NUMBERS = (
    "quantity",
    "itemcount",
    "numberofitems",
    "totalitems",
    "productcount",
    "totalquantity",
    "items",
    "products",
)
_PRODUCTS = ("productname", "product", "producttitle", "itemname", "item", "title", "name")
_TITLES = ("pagetitle", "title", "pagename", "name")
_ADDRESSES = ("url", "pageurl", "page", "path", "pagepath", "screen", "screenname")
_QUERIES = (
    "query",
    "searchterm",
    "searchquery",
    "keyword",
    "searchtext",
    "searchstring",
    "term",
    "text",
    "q",
    "search",
)
_RESULTS = ("results", "resultcount", "numberofresults", "totalresults")
_METHODS = ("method", "via", "provider", "loginmethod", "signupmethod", "authmethod")
_CLICKED = ("text", "label", "buttontext", "linktext", "button", "element", "elementtext", "name", "target")
_FORMS = ("formname", "form", "formtitle", "formid", "name", "title")
_VERSIONS = ("appversion", "version", "appversionname")
_CODES = ("coupon", "couponcode", "code", "promocode", "discountcode")
_ORDERS = ("orderid", "ordernumber")


class Known(NamedTuple):
    """A well-known event: its icon, and the words for it where its attributes tell enough."""

    icon: str
    words: Markup | None


def of(event: Shown) -> Known | None:
    """What is known of events with such a name; None where nothing is."""
    known = _KNOWN.get(_folded(event.name))
    if known is None:
        return None
    told = {_folded(one.name): one.value for one in event.visible if one.excerpt is None}
    if page := event.context.get("page"):
        told.setdefault("url", page)
    icon, say = known
    return Known(icon, say(told))


def _folded(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())


def _text(told: _Told, names: Sequence[str]) -> Markup | None:
    """The first of these attributes that is a text or a number, as it stands in a sentence."""
    found = next((str(told[name]) for name in names if _is_text(told.get(name))), None)
    return None if found is None else Markup("<b>{}</b>").format(_short(found))


def _is_text(value: Any) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool) and value != ""


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _number(told: _Told, names: Sequence[str]) -> float | None:
    """The first of these attributes that is a number, or a text that is one."""
    return next((number for name in names if (number := _as_number(told.get(name))) is not None), None)


def _as_number(value: Any) -> float | None:
    try:
        number = float(value) if _is_text(value) else None
    except (ValueError, OverflowError):
        return None
    return number if number is not None and abs(number) < _LARGEST else None


def _whole(told: _Told, names: Sequence[str]) -> int | None:
    number = _number(told, names)
    return int(number) if number is not None and number >= 0 and number.is_integer() else None


def _amount(told: _Told, names: Sequence[str]) -> Markup | None:
    """`128.50`, with the currency where that is told."""
    number = _number(told, names)
    if number is None:
        return None
    currency = told.get("currency") or told.get("currencycode")
    unit = f" {currency}" if isinstance(currency, str) and len(currency) <= 5 else ""
    return Markup("<b>{}{}</b>").format(f"{number:,.0f}" if number.is_integer() else f"{number:,.2f}", unit)


def _things(told: _Told) -> Markup | None:
    """`3 products`, `2 × Mixer`, or what the only one is called."""
    listed = next((told[name] for name in _THINGS if isinstance(told.get(name), list)), None)
    number = _whole(told, _NUMBERS) if listed is None else len(listed)
    one = _text(told, _PRODUCTS) if listed is None or number == 1 else None
    if one is not None:
        return Markup("{} × {}").format(f"{number:,}", one) if number is not None and number > 1 else one
    return Markup("<b>{}</b> {}").format(f"{number:,}", "product" if number == 1 else "products") if number else None


def _trade(verb: str, amounts: Sequence[str], *, ending: str = "") -> _Say:
    """`Bought 3 products for 128.50`, as far as it is told."""

    def say(told: _Told) -> Markup | None:
        things, amount = _things(told), _amount(told, amounts)
        if things is None and (amount is None or ending):
            return None
        cost = Markup("for {}").format(amount) if amount else None
        return Markup(" ").join(part for part in (escape(verb), things, escape(ending), cost) if part)

    return say


def _thing(before: str, names: Sequence[str], *, after: str = "", plain: str = "") -> _Say:
    """A sentence about one attribute; without it the `plain` one, if there is one."""

    def say(told: _Told) -> Markup | None:
        found = _text(told, names)
        if found is None:
            return escape(plain) if plain else None
        return Markup(" ").join(part for part in (escape(before), found, escape(after)) if part)

    return say


def _viewed(told: _Told) -> Markup | None:
    product, price = _text(told, _PRODUCTS), _amount(told, _PRICE)
    if product is None:
        return None
    return Markup("Looked at {} for {}").format(product, price) if price else Markup("Looked at {}").format(product)


def _refunded(told: _Told) -> Markup | None:
    amount = _amount(told, _OF_REFUND)
    return Markup("Got back {}").format(amount) if amount else None


def _visited(told: _Told) -> Markup | None:
    title = _text(told, _TITLES)
    path = next((_path(told[name]) for name in _ADDRESSES if isinstance(told.get(name), str) and told[name]), None)
    if title is None:
        return Markup("Visited <b>{}</b>").format(path) if path else None
    return Markup("Visited {} {}").format(title, path) if path else Markup("Visited {}").format(title)


def _path(address: str) -> str:
    """The part of an address that tells a site's pages apart; the whole where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return _short(address)
    return _short((parts.path or "/") if parts.netloc else address)


def _searched(told: _Told) -> Markup | None:
    query, number = _text(told, _QUERIES), _whole(told, _RESULTS)
    if query is None:
        return None
    searched = Markup("Searched for “{}”").format(query)
    return (
        searched if number is None else Markup("{}, {} found").format(searched, f"{number:,}" if number else "nothing")
    )


# Icon, words, names of events.
_ROWS: tuple[tuple[str, _Say, str], ...] = (
    ("shopping-bag", _trade("Bought", _OF_ORDER), "purchased purchase ordercompleted orderplaced ordercreated"),
    ("undo-2", _refunded, "refunded orderrefunded"),
    ("undo-2", _thing("Cancelled the order", _ORDERS), "ordercancelled ordercanceled"),
    ("shopping-cart", _trade("Added", _OF_ONE, ending="to the cart"), "addtocart addedtocart productadded"),
    (
        "shopping-cart",
        _trade("Took", _OF_ONE, ending="out of the cart"),
        "removefromcart removedfromcart productremoved",
    ),
    ("credit-card", _trade("Started to check out", _OF_CART), "checkoutstarted checkout initiatedcheckout"),
    ("ticket-percent", _thing("Used the coupon", _CODES), "couponapplied couponused"),
    ("file-text", _visited, "pagevisited pageviewed pageview pagevisit viewedpage screenviewed"),
    ("eye", _viewed, "productviewed viewedproduct productview"),
    ("search", _searched, "search searched productsearched productssearched"),
    ("user-plus", _thing("Signed up by", _METHODS, plain="Signed up"), "signedup signup registered"),
    ("log-in", _thing("Logged in by", _METHODS, plain="Logged in"), "loggedin login signedin"),
    ("log-out", _thing("", (), plain="Logged out"), "loggedout logout signedout"),
    ("smartphone", _thing("Opened the app, version", _VERSIONS, plain="Opened the app"), "applaunched appopened"),
    ("mouse-pointer-click", _thing("Clicked", _CLICKED), "clicked click buttonclicked linkclicked elementclicked"),
    ("clipboard-check", _thing("Sent the form", _FORMS), "formsubmitted formsubmit submittedform"),
)
_KNOWN = {name: (icon, say) for icon, say, names in _ROWS for name in names.split()}
