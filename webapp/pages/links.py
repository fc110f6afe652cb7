"""Links that people give each other: where they lead, and sending them by mail."""

from flask import current_app, request, url_for

from webapp.house import House
from webapp.mail import Mail, Outcome, Post


def to(endpoint: str, token: str) -> str:
    """The whole address of a page that takes a link's token, for somebody who isn't here."""
    return (_house().public_url or request.host_url.rstrip("/")) + url_for(endpoint, token=token)


def post() -> Post | None:
    """What sends mails, where a mail server is set."""
    return _house().post


def _house() -> House:
    found: House = current_app.extensions["house"]
    return found


def send(mail: Mail) -> str:
    """Send a mail with a link. Returns what became of it, as a sentence; empty where no mail server is set."""
    post_ = post()
    return "" if post_ is None else _WORDS[post_.send(mail)].format(mail.to)


_WORDS = {
    Outcome.SENT: "It has been sent to {}.",
    Outcome.FAILED: "It could not be sent to {}: the server's log says why. Give them the link yourself.",
    Outcome.WAITING: "It is still on its way to {}: the mail server takes long. The link works in any case.",
}
