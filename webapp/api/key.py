"""`GET /api/v1/key`: what the key is that a request carries. Keys of every kind may ask."""

from webapp.api import replies
from webapp.api.call import Call
from webapp.api.replies import Reply


def key(call: Call) -> Reply:
    """Its name and kind, whose it is, what it may be used for and until when (epoch ms)."""
    asked = call.key
    assert asked is not None  # noqa: S101 - it was let in
    limits = {"perMinute": asked.rate_limit, "perMinutePerAddress": asked.requests_a_minute}
    return replies.of(
        {
            "id": asked.public_id,
            "kind": asked.kind,
            "name": asked.name,
            "workspace": asked.workspace.name,
            "endsAt": asked.ends_at,
            "limits": limits,
        }
    )


ENDPOINTS = {"/api/v1/key": key}
