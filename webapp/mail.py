"""Mail by SMTP: sent beside the requests, none of which waits for it longer than a moment."""

import ipaddress
import logging
import queue
import smtplib
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedError
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import formatdate, make_msgid
from enum import Enum
from urllib.parse import unquote, urlsplit

TIMEOUT = 10  # seconds that a mail server may take for each answer
PATIENCE = 3.0  # seconds that a page waits to say whether its mail has gone
MOST_WAITING = 100
_WORKERS = 2
_PORTS = {"smtp": 587, "smtps": 465}

log = logging.getLogger("webapp.mail")


class Outcome(Enum):
    """What has become of a mail when its page is drawn."""

    SENT = "sent"
    FAILED = "failed"
    WAITING = "waiting"


class MailError(Exception):
    """A mail can't be sent; the message says why, and holds nobody's data."""


@dataclass(frozen=True, slots=True)
class Server:
    """A mail server. `is_tls`: from the first byte; else by STARTTLS where the server offers it."""

    host: str
    port: int
    is_tls: bool
    user: str | None = None
    password: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Mail:
    """A plain text for one person."""

    to: str
    subject: str
    text: str


def server(url: str) -> Server:
    """The server of `smtp://user:password@host:587` or `smtps://…`. Raises ValueError, without the password in it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is not a URL; try smtp://user:password@host:587") from None
    if parts.scheme not in _PORTS or not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment:
        raise ValueError("must be smtp://user:password@host:587 or smtps://user:password@host:465")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have both a user and a password, or neither")
    user, password = (None if one is None else unquote(one) for one in (parts.username, parts.password))
    return Server(parts.hostname, port or _PORTS[parts.scheme], parts.scheme == "smtps", user, password)


def sender(text: str) -> str:
    """A sender as it stands in mails: `Shop <profiles@shop.example>`. Raises ValueError."""
    name, bracket, rest = text.rpartition("<")
    spec = rest.removesuffix(">") if bracket else text
    try:
        return str(Address(name.strip().strip('"'), addr_spec=spec.strip()))
    except (MessageError, ValueError, IndexError):
        raise ValueError("must be an e-mail address, such as profiles@shop.example") from None


@dataclass(frozen=True, slots=True)
class _Task:
    """What is to be done, and how it went."""

    work: Callable[[], bool]
    done: "Future[bool]" = field(default_factory=Future)


class Post:
    """Sends mails of one installation, a few at a time. What waits is lost when the server ends."""

    def __init__(self, server_: Server, sender_: str, public_url: str) -> None:
        self.server = server_
        self.public_url = public_url
        self._sender = sender_
        self._waiting: queue.Queue[_Task] = queue.Queue(MOST_WAITING)
        self._workers = 0
        self._hiring = threading.Lock()

    def send(self, mail: Mail) -> Outcome:
        """Send a mail, after the commit of what it tells. Waits for a moment to see it go, and raises nothing."""
        sending = self.begin(lambda: self.deliver(mail))
        if sending is None:
            return Outcome.FAILED
        try:
            return Outcome.SENT if sending.result(PATIENCE) else Outcome.FAILED
        except WaitedError:
            return Outcome.WAITING

    def begin(self, work: Callable[[], bool]) -> "Future[bool] | None":
        """Do some work and say whether it went well, beside the requests; None where too much is waiting already."""
        task = _Task(work)
        try:
            self._waiting.put_nowait(task)
        except queue.Full:
            log.warning("too many mails are waiting")
            return None
        with self._hiring:
            if self._workers < _WORKERS:
                self._workers += 1
                # A daemon: a mail server that doesn't answer must not keep ours from ending.
                threading.Thread(target=self._work, name="mail", daemon=True).start()
        return task.done

    def _work(self) -> None:
        while True:
            task = self._waiting.get()
            task.done.set_result(_told(task.work))

    def deliver(self, mail: Mail) -> bool:
        """Hand a mail to the server; whether it took it. Why it didn't goes into the log."""
        try:
            message = _message(self._sender, mail)
            with _connection(self.server) as smtp:
                smtp.send_message(message, to_addrs=[mail.to])
        except MailError as error:
            log.warning("mail not sent", extra={"fields": {"cause": str(error)}})
            return False
        return True


def _told(work: Callable[[], bool]) -> bool:
    try:
        return work()
    except Exception:  # nobody else would hear of it
        log.exception("mail failed")
        return False


def check(server_: Server) -> None:
    """Sign in to a mail server and out again. Raises MailError."""
    with _connection(server_) as smtp:
        smtp.noop()


@contextmanager
def _connection(server_: Server) -> Iterator[smtplib.SMTP]:
    try:
        with _opened(server_) as smtp:
            _greet(smtp, server_)
            yield smtp
    except smtplib.SMTPResponseException as error:
        raise MailError(f"the mail server {server_} answers {error.smtp_code}") from error
    except smtplib.SMTPException as error:
        raise MailError(f"the mail server {server_} refuses it ({type(error).__name__})") from error
    except ssl.SSLError as error:
        raise MailError(f"the mail server {server_} has no certificate that can be trusted") from error
    except OSError as error:
        raise MailError(f"the mail server {server_} can't be reached ({type(error).__name__})") from error
    except UnicodeError as error:
        raise MailError(f"the mail server {server_} can't be told this") from error


def _opened(server_: Server) -> smtplib.SMTP:
    if server_.is_tls:
        context = ssl.create_default_context()
        return smtplib.SMTP_SSL(server_.host, server_.port, timeout=TIMEOUT, context=context)
    return smtplib.SMTP(server_.host, server_.port, timeout=TIMEOUT)


def _greet(smtp: smtplib.SMTP, server_: Server) -> None:
    smtp.ehlo_or_helo_if_needed()
    is_safe = server_.is_tls
    if not is_safe and smtp.has_extn("starttls"):
        smtp.starttls(context=ssl.create_default_context())
        smtp.ehlo()
        is_safe = True
    if server_.user is None or server_.password is None:
        return
    if not is_safe and not _is_here(server_.host):
        # Somebody in between may have left the offer of STARTTLS out.
        raise MailError(f"the mail server {server_} offers no STARTTLS; the password isn't sent in the open")
    smtp.login(server_.user, server_.password)


def _is_here(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _message(sender_: str, mail: Mail) -> EmailMessage:
    message = EmailMessage()
    try:
        message["From"] = sender_
        message["To"] = Address(addr_spec=mail.to)
    except (MessageError, ValueError, IndexError) as error:
        raise MailError("the address can't be written into a mail") from error
    message["Subject"] = mail.subject
    message["Date"] = formatdate()
    message["Message-ID"] = make_msgid(domain=sender_.rpartition("@")[2].rstrip(">"))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text)
    return message
