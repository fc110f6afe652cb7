"""Who sends and from where: the device of a request, and the circumstances of what happens on it."""

import hashlib

from flask import current_app, g, request

from webapp.api.door import IDEMPOTENCY_HEADER
from webapp.api.errors import NOT_TEXT
from webapp.ingest.changes import Context, OnDevice
from webapp.models import Workspace
from webapp.places import Places, shortened

LONGEST_USER_AGENT = 512


def on(did: str) -> OnDevice:
    """The device, with what this request says of itself."""
    agent = NOT_TEXT.sub("\ufffd", request.headers.get("User-Agent", ""))[:LONGEST_USER_AGENT]
    return OnDevice(did, agent or None)


def context(workspace: Workspace, referrer: str = "", utm: tuple[tuple[str, str], ...] = ()) -> Context:
    """Where this request comes from, for what happens on a device: the place of its address, and what led there."""
    address = request.remote_addr or ""
    header = current_app.config["COUNTRY_HEADER"]
    places: Places = current_app.extensions["places"]
    place = places.locate(address, request.headers.get(header) if header else None)
    return Context(
        referrer=referrer,
        utm=utm,
        country=place.country,
        region=place.region,
        city=place.city,
        address=shortened(address) if workspace.keeps_addresses else "",
    )


def new_did(workspace: Workspace) -> str:
    """An id for the device that sends this request without one: 32 hex digits.

    They are a digest, not random, so that a first launch that is sent again is the same device.
    """
    # The address tells apart two phones of one model that launch in the same millisecond. A phone that retries from
    # another network is known by its Idempotency-Key, whose first request may be stored already.
    sender = request.headers.get(IDEMPOTENCY_HEADER) or request.remote_addr or ""
    parts = (str(workspace.id).encode(), sender.encode(), g.body)
    return hashlib.blake2b(b"\n".join(parts), digest_size=16).hexdigest()
