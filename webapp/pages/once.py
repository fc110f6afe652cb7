"""Forms that make something which is shown once: reloading the page that shows it would send them again."""

from flask import session as cookie

_REMEMBERED = 20  # forms, in the cookie


def is_first_time(once: str) -> bool:
    """Whether a form hasn't been sent yet. `once`: what its page drew at random."""
    sent: list[str] = cookie.get("sent", [])
    cookie["sent"] = [*sent, once][-_REMEMBERED:]
    return once not in sent
