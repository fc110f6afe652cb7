"""Mail by SMTP, with a real little server: what is sent, what isn't, and that no page waits for it for long."""

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.mail_server import MailServer, certificate, serving
from tests.members import PEOPLE, id_of, member, on_people, shown_link
from tests.world import PASSWORD, Shop, submit
from webapp import config, create_app, doctor, keys, mail, users, workspaces
from webapp.db import Database
from webapp.mail import Mail, Outcome, Post

DORA = "dora@shop.example"
HELLO = Mail(DORA, "Hello", "Grüße, and\n.\na line with a dot")


@pytest.fixture(scope="module")
def pem(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for localhost."""
    return certificate(tmp_path_factory.mktemp("mail"))


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A mail server that takes everything."""
    with serving(MailServer()) as one:
        yield one


def _post(server: MailServer, url: str = "smtp://127.0.0.1") -> Post:
    return Post(mail.server(f"{url}:{server.port}"), "Profiles <profiles@shop.example>", "https://profiles.example")


def mailing_shop(database_url: str, server: MailServer) -> Shop:
    """A shop that has a mail server, with Alice as its administrator."""
    settings = config.load(
        _env_file=None,
        database_url=database_url,
        secret_key="a secret for tests only",
        public_url="https://profiles.example/",
        mail_from="profiles@shop.example",
        smtp_url=f"smtp://127.0.0.1:{server.port}",
    )
    app = create_app(settings)
    database: Database = app.extensions["database"]
    with database.write() as session:
        workspace = workspaces.create(session, "Alice's shop")
        _, key = keys.create(session, workspace.id, "Backend")
        users.create(session, users.credentials("alice@shop.example", PASSWORD), workspace.id, "admin")
    return Shop(app, database, workspace, key)


@pytest.fixture
def mailing(database_url: str, server: MailServer) -> Iterator[Shop]:
    """Such a shop."""
    shop = mailing_shop(database_url, server)
    yield shop
    shop.database.engine.dispose()


@pytest.fixture
def admin(mailing: Shop) -> FlaskClient:
    """The browser of its administrator."""
    browser = mailing.app.test_client()
    submit(browser, "/login", email="alice@shop.example", password=PASSWORD)
    return browser


def test_mail_comes_as_it_was_written(server: MailServer) -> None:
    assert _post(server).send(HELLO) is Outcome.SENT
    (got,) = server.got
    assert got.to == [DORA]
    assert got.text.replace("\r\n", "\n").strip() == HELLO.text
    assert (got.message["From"], got.message["To"]) == ("Profiles <profiles@shop.example>", DORA)
    assert got.message["Auto-Submitted"] == "auto-generated"
    assert got.message["Date"]
    assert got.message["Message-ID"].endswith("@shop.example>")


def test_starttls_is_used_where_it_is_offered_by_a_server_that_can_be_trusted(
    pem: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(MailServer(pem, login=("shop", "p@ss:word"))) as server:
        post = _post(server, "smtp://shop:p%40ss%3Aword@localhost")
        assert post.send(HELLO) is Outcome.FAILED, "nobody knows that certificate"
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert post.send(HELLO) is Outcome.SENT
        assert server.got[0].is_safe


def test_tls_from_the_first_byte(pem: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(MailServer(pem, is_tls=True)) as server:
        monkeypatch.setenv("SSL_CERT_FILE", str(pem))
        assert _post(server, "smtps://localhost").send(HELLO) is Outcome.SENT
        assert server.got[0].is_safe


def test_password_goes_in_the_open_to_this_machine_only(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(MailServer(login=("shop", "secret"))) as server:
        post = _post(server, "smtp://shop:secret@127.0.0.1")
        assert post.send(HELLO) is Outcome.SENT
        monkeypatch.setattr(mail, "_is_here", lambda _: False)
        assert post.send(HELLO) is Outcome.FAILED
        with pytest.raises(mail.MailError, match="offers no STARTTLS"):
            mail.check(post.server)


@pytest.mark.parametrize(
    ("server", "url", "to"),
    [
        (MailServer(refuses=DORA), "smtp://127.0.0.1", DORA),
        (MailServer(login=("shop", "secret")), "smtp://shop:wrong@127.0.0.1", DORA),
        (MailServer(login=("shop", "secret")), "smtp://127.0.0.1", DORA),
        (MailServer(), "smtp://127.0.0.1", "dörte@shop.example"),
        (MailServer(), "smtp://127.0.0.1", "a@shop.example,b@shop.example"),
        (MailServer(), "smtp://127.0.0.1", "a@shop.example\r\nBcc: b@shop.example"),
        (MailServer(), "smtps://127.0.0.1", DORA),
    ],
)
def test_mail_that_cannot_be_sent_is_told(server: MailServer, url: str, to: str) -> None:
    with serving(server):
        assert _post(server, url).send(Mail(to, "Hello", "Hello")) is Outcome.FAILED
        assert server.got == []


def test_server_that_is_not_there_is_told(server: MailServer, caplog: pytest.LogCaptureFixture) -> None:
    nowhere = MailServer(port=1)
    assert _post(nowhere, "smtp://shop:secret@127.0.0.1").send(HELLO) is Outcome.FAILED
    (line,) = [one for one in caplog.records if one.name == "webapp.mail"]
    cause = line.fields["cause"]  # type: ignore[attr-defined]
    assert cause == "the mail server 127.0.0.1:1 can't be reached (ConnectionRefusedError)"
    assert "secret" not in caplog.text
    assert DORA not in caplog.text


def test_no_page_waits_long_for_a_server_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, database_url: str
) -> None:
    monkeypatch.setattr(mail, "PATIENCE", 0.2)
    with serving(MailServer(is_silent=True)) as server:
        shop = mailing_shop(database_url, server)
        browser = shop.app.test_client()
        submit(browser, "/login", email="alice@shop.example", password=PASSWORD)
        began = time.monotonic()
        answer = on_people(browser, "invitations", role="viewer", email=DORA)
        assert time.monotonic() - began < mail.TIMEOUT
        assert answer.status_code == 201
        assert f"It is still on its way to {DORA}" in answer.text
        assert shop.app.test_client().get(shown_link(answer)).status_code == 200
        shop.database.engine.dispose()


def test_too_many_that_wait_are_not_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mail, "PATIENCE", 0)
    monkeypatch.setattr(mail, "MOST_WAITING", 3)
    monkeypatch.setattr(mail, "TIMEOUT", 1)
    with serving(MailServer(is_silent=True)) as server:
        post = _post(server)
        outcomes = [post.send(HELLO) for _ in range(10)]
    assert outcomes[:3] == [Outcome.WAITING] * 3
    assert outcomes[-1] is Outcome.FAILED


def test_mails_that_wait_do_not_keep_the_server_from_ending(tmp_path: Path) -> None:
    told = (
        "from webapp import mail; mail.PATIENCE = 0.1; post = mail.Post(mail.server('smtp://127.0.0.1:{}'), 'a@b', '')"
    )
    work = "; [post.send(mail.Mail('a@b', 'a', 'a')) for _ in range(5)]"
    with serving(MailServer(is_silent=True)) as server:
        began = time.monotonic()
        subprocess.run([sys.executable, "-c", told.format(server.port) + work], check=True, timeout=30, cwd=tmp_path)
        assert time.monotonic() - began < mail.TIMEOUT


def test_invitation_goes_to_its_email_with_a_link_of_our_own(
    mailing: Shop, admin: FlaskClient, server: MailServer
) -> None:
    assert "the link is sent there" in admin.get(PEOPLE).text
    answer = on_people(admin, "invitations", role="editor", email=DORA)
    assert f"It has been sent to {DORA}." in answer.text
    (got,) = server.wait()
    assert got.to == [DORA]
    assert f"https://profiles.example{shown_link(answer)}" in got.text
    assert "as editor" in got.text


def test_invitation_for_whoever_has_the_link_sends_nothing(admin: FlaskClient, server: MailServer) -> None:
    assert "sent to" not in on_people(admin, "invitations", role="editor").text
    assert server.got == []


def test_link_for_a_new_password_is_sent_to_the_member(mailing: Shop, admin: FlaskClient, server: MailServer) -> None:
    member(mailing, DORA, "viewer")
    answer = on_people(admin, f"{id_of(mailing, DORA)}/reset")
    (got,) = server.wait()
    assert got.to == [DORA]
    assert f"https://profiles.example{shown_link(answer)}" in got.text


def test_doctor_looks_at_the_mail_server(pem: Path, server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    def words(url: str) -> str:
        settings = {"smtp_url": url, "mail_from": "a@shop.example", "public_url": "https://profiles.example"}
        for name, value in settings.items():
            monkeypatch.setenv(name.upper(), value)
        (one,) = [finding for finding in doctor.examine() if finding.words.startswith("mail")]
        return f"{one.is_fine} {one.words}"

    monkeypatch.chdir(pem.parent)
    assert words(f"smtp://127.0.0.1:{server.port}") == f"True mail: 127.0.0.1:{server.port} lets us in"
    assert "can't be reached" in words("smtp://127.0.0.1:1")
    with serving(MailServer(login=("shop", "secret"))) as strict:
        assert words(f"smtp://shop:wrong@127.0.0.1:{strict.port}").startswith("False")
