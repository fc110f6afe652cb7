"""The endpoints that are asked by GET."""

from webapp.reference.shapes import Described, Field, optional

READING = (
    Described(
        "/api/v1/key",
        "What this key is",
        "Tells which key a request carries, for setting things up and for looking after keys. It takes every kind of "
        "key, always in the header `x-growlytics-key`.",
        (
            Field("id", "string", "The part of the key that may be shown, as on API keys."),
            Field("kind", "string", "`server`, `browser`, `read` or `privacy`."),
            Field("name", "string", "What it is called on API keys."),
            Field("workspace", "string", "The name of its workspace."),
            optional("endsAt", "epoch ms", "When it ends by itself; null: never."),
            optional("limits.perMinute", "number", "How often it may be used; null: as often as one likes."),
            optional("limits.perMinutePerAddress", "number", "How often one address may use it, if it has that."),
        ),
        lambda _: {},
        {
            "id": "0123456789ab",
            "kind": "server",
            "name": "Shop backend",
            "workspace": "My shop",
            "endsAt": None,
            "limits": {"perMinute": None, "perMinutePerAddress": None},
        },
        (
            "A key with a limit has it in the headers of every answer: `RateLimit-Limit`, `RateLimit-Remaining`, "
            "`RateLimit-Reset` (seconds). This request counts, too.",
            "A browser key tells no more than this, and anybody can read it in your pages: name it accordingly.",
        ),
        is_asked=True,
    ),
)
