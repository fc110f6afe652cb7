"""Who sends and from where: the device of a request, and the circumstances of what happens on it."""

import hashlib

from webapp.api import errors
from webapp.api.call import IDEMPOTENCY_HEADER, Call
from webapp.ingest.changes import Context, OnDevice
from webapp.places import shortened

LONGEST_USER_AGENT = 512


def on(call: Call, did: str) -> OnDevice:
    """The device, with what this request says of itself."""
    agent = errors.storable(call.header("User-Agent") or "", LONGEST_USER_AGENT)
    return OnDevice(did, agent or None)


def context(call: Call, referrer: str = "", utm: tuple[tuple[str, str], ...] = ()) -> Context:
    """Where this request comes from, for what happens on a device: the place of its address, and what led there."""
    header = call.house.country_header
    place = call.house.places.locate(call.address, call.header(header) if header else None)
    return Context(
        referrer=referrer,
        utm=utm,
        country=place.country,
        region=place.region,
        city=place.city,
        address=shortened(call.address) if call.workspace.keeps_addresses else "",
    )


def new_did(call: Call) -> str:
    """An id for the device that sends this request without one: 32 hex digits.

    They are a digest, not random, so that a first launch that is sent again is the same device.
    """
    # The address tells apart two phones of one model that launch in the same millisecond. A phone that retries from
    # another network is known by its Idempotency-Key, whose first request may be stored already.
    sender = call.header(IDEMPOTENCY_HEADER) or call.address
    parts = (str(call.workspace.id).encode(), sender.encode(), call.body)
    return hashlib.blake2b(b"\n".join(parts), digest_size=16).hexdigest()
