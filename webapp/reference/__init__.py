"""The API's reference: every endpoint described once, for the page and for the tests that hold it against the code."""

from collections.abc import Mapping, Sequence

from webapp.reference import asked, clients, privacy, readers, servers
from webapp.reference.shapes import Described

GROUPS: Mapping[str, Sequence[Described]] = {
    "Servers": servers.ENDPOINTS,
    "Mobile apps": clients.MOBILE,
    "Browsers": clients.BROWSER,
    "Reading": (*asked.READING, *readers.ENDPOINTS),
    "Privacy": privacy.ENDPOINTS,
}
ENDPOINTS = {one.path: one for group in GROUPS.values() for one in group}
