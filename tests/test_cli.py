"""The console script: setting up, users, keys, and what the doctor finds."""

import os
import re
import sqlite3
from dataclasses import dataclass
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import make_url

from tests import counted
from tests.conftest import ENGINES, settings_for
from tests.installations import SCRIPT, run, run_command
from tests.server import create_database
from tests.world import PASSWORD, submit
from webapp import create_app, migrate, recounts, users, workspaces
from webapp.cli import commands
from webapp.config import Settings
from webapp.db import Database

SECRET = "a secret for tests only"
BODY = {"id": "u1", "attributes": {}}


@dataclass(frozen=True)
class Console:
    """A shell in an empty folder, set up for one database."""

    url: str

    def run(self, *arguments: str, typed: str = "") -> Result:
        """Run a command to its end."""
        return CliRunner().invoke(commands, arguments, input=typed)

    def done(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must succeed. Returns what it prints on standard output."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 0, result.output
        return result.stdout

    def refused(self, *arguments: str, typed: str = "") -> str:
        """Run a command that must fail in words. Returns the words."""
        result = self.run(*arguments, typed=typed)
        assert result.exit_code == 1, result.output
        assert isinstance(result.exception, SystemExit), "a traceback is no explanation"
        assert result.stdout == ""
        return result.stderr.removeprefix("Error: ").rstrip("\n")

    def doctor(self) -> tuple[int, list[str]]:
        """The doctor's exit status, and the findings that are wrong."""
        result = self.run("doctor")
        wrong = [line.removeprefix("WRONG  ") for line in result.stdout.splitlines() if line.startswith("WRONG")]
        return result.exit_code, wrong

    def sends(self, key: str) -> int:
        """The status that an ingestion request with this key gets."""
        app = create_app(settings_for(self.url))
        answer = app.test_client().post("/track/user", json=BODY, headers={"x-growlytics-key": key})
        app.extensions["database"].engine.dispose()
        return answer.status_code


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(params=ENGINES)
def console(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    """A shell for a database without any table, of each engine in turn."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/shop.sqlite3"
    else:
        url = create_database(request.getfixturevalue("postgresql_server"))
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("SECRET_KEY", SECRET)
    return Console(url)


@pytest.fixture
def ready(console: Console) -> Console:
    """A shell for a database that is set up."""
    console.done("init")
    return console


@pytest.fixture
def bare(tmp_path: Path) -> Console:
    """A shell without any setting, for the embedded database that isn't there yet."""
    return Console(f"sqlite:///{tmp_path}/data/customer-profiles.sqlite3")


def _invitation(text: str) -> str:
    found = re.search(r"http://127.0.0.1:8000(/invitations/\S+)", text)
    assert found is not None, text
    return found[1]


def test_console_script_is_installed(tmp_path: Path) -> None:
    assert re.fullmatch(r"customer-profiles, version \d+\.\d+\.\d+\n", run(tmp_path, "--version").stdout)
    assert run(tmp_path, "-h").returncode == 0
    assert run(tmp_path, "no-such-command").returncode == 2


def test_init_sets_up_database_workspace_link_and_key(console: Console) -> None:
    printed = console.done("init")
    browser = create_app(settings_for(console.url)).test_client()
    assert browser.get(_invitation(printed)).status_code == 200
    key = re.search(r"cpk_\S+", printed)
    assert key is not None
    assert console.sends(key[0]) == 200


def test_init_prints_a_new_link_while_there_is_no_user(ready: Console) -> None:
    printed = ready.done("init")
    assert printed.startswith("A new link to set up the first administrator: ")
    assert "cpk_" not in printed
    browser = create_app(settings_for(ready.url)).test_client()
    assert browser.get(_invitation(printed)).status_code == 200


def test_init_prints_no_link_when_there_is_a_user(ready: Console) -> None:
    ready.done("user", "create", "--email", "alice@shop.example", "--password-stdin", typed=f"{PASSWORD}\n")
    assert ready.done("init") == "Everything is set up.\n"


def test_migrate_says_what_it_applied(console: Console) -> None:
    assert re.fullmatch(r"Applied 0001.*\.\n", console.done("migrate"))
    assert console.done("migrate") == "Nothing to do.\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("user", "create", "--email", "alice@shop.example", "--password-stdin"),
        ("key", "create", "--name", "Backend"),
        ("key", "list"),
        ("key", "revoke", "0123456789ab"),
    ],
)
def test_command_on_a_database_without_tables_says_what_to_do(console: Console, arguments: tuple[str, ...]) -> None:
    words = console.refused(*arguments, typed=f"{PASSWORD}\n")
    assert re.fullmatch(r"the database lacks 0001.*; run `customer-profiles migrate` first", words)


def test_command_before_the_first_start_says_what_to_do(console: Console) -> None:
    console.done("migrate")
    assert console.refused("key", "list") == "there is no workspace yet; run `customer-profiles init`"


def test_user_is_created_with_password_from_standard_input(ready: Console) -> None:
    arguments = ("user", "create", "--email", "Alice@Shop.example", "--password-stdin")
    assert ready.done(*arguments, typed=f"{PASSWORD}\n") == "alice@shop.example is admin of “My shop”.\n"
    database = Database(settings_for(ready.url).url)
    with database.read() as session:
        assert users.authenticate(session, "alice@shop.example", PASSWORD) is not None
        assert users.authenticate(session, "alice@shop.example", f"{PASSWORD}\n") is None
    database.engine.dispose()


def test_user_is_created_with_password_typed_twice(ready: Console) -> None:
    arguments = ("user", "create", "--email", "bob@shop.example", "--role", "viewer")
    printed = ready.done(*arguments, typed=f"{PASSWORD}\n{PASSWORD}\n")
    assert printed.endswith("bob@shop.example is viewer of “My shop”.\n")
    assert PASSWORD not in printed


@pytest.mark.parametrize(
    ("email", "password", "words"),
    [
        ("alice", PASSWORD, "that is not an e-mail address"),
        ("alice@shop.example", "short", "a password needs at least 12 characters"),
        ("alice@shop.example", "", "a password needs at least 12 characters"),
        ("alice@shop.example", "passwordpassword", "that password is too easy to guess; try a few unrelated words"),
    ],
)
def test_user_that_cannot_be_is_refused(ready: Console, email: str, password: str, words: str) -> None:
    assert ready.refused("user", "create", "--email", email, "--password-stdin", typed=f"{password}\n") == words


def test_user_who_exists_is_refused(ready: Console) -> None:
    arguments = ("user", "create", "--email", "alice@shop.example", "--password-stdin")
    ready.done(*arguments, typed=f"{PASSWORD}\n")
    assert ready.refused(*arguments, typed=f"{PASSWORD}\n") == "there is a user alice@shop.example already"


def test_role_that_is_none_is_refused(ready: Console) -> None:
    refused = ready.run("user", "create", "--email", "alice@shop.example", "--role", "owner", "--password-stdin")
    assert refused.exit_code == 2
    assert "'owner' is not one of 'admin', 'editor', 'viewer'" in refused.stderr


def test_link_for_a_new_password_is_printed_alone_and_works(ready: Console) -> None:
    ready.done("user", "create", "--email", "alice@shop.example", "--password-stdin", typed=f"{PASSWORD}\n")
    printed = ready.done("user", "reset", "--email", "Alice@Shop.example")
    found = re.fullmatch(r"http://127\.0\.0\.1:8000(/resets/[\w-]{43})\n", printed)
    assert found is not None
    browser = create_app(settings_for(ready.url)).test_client()
    assert submit(browser, found[1], password="an entirely new secret").location == "/customers"
    assert browser.get("/customers").status_code == 200


def test_link_for_nobody_is_refused(ready: Console) -> None:
    assert ready.refused("user", "reset", "--email", "nobody@shop.example") == "there is no user nobody@shop.example"


def test_links_lead_to_the_public_address(ready: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PUBLIC_URL", "https://profiles.example/")
    assert ready.done("workspace", "create", "--name", "Second").startswith("https://profiles.example/invitations/")
    assert "A new link to set up the first administrator: https://profiles.example/invitations/" in ready.done("init")


def test_workspace_is_made_with_a_link_for_its_first_administrator(ready: Console) -> None:
    printed = ready.done("workspace", "create", "--name", " Second  shop ", "--time-zone", "UTC", "--region", "DE")
    browser = create_app(settings_for(ready.url)).test_client()
    submit(browser, _invitation(printed), email="dora@shop.example", password=PASSWORD)
    assert "Second shop" in browser.get("/settings/workspace").text
    assert re.fullmatch(r" +1 +0 members  My shop\n +2 +1 members  Second shop\n", ready.done("workspace", "list"))


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--name", "My shop"), "there is a workspace “My shop” already; commands tell them apart by name"),
        (("--name", " "), "A workspace needs a name."),
        (("--name", "a", "--time-zone", "Mars"), "Choose a time zone from the list."),
        (("--name", "a", "--region", "XX"), "Choose a region from the list."),
    ],
)
def test_workspace_that_cannot_be_is_refused(ready: Console, arguments: tuple[str, ...], words: str) -> None:
    assert ready.refused("workspace", "create", *arguments) == words


def test_key_is_printed_alone_and_works(ready: Console) -> None:
    printed = ready.done("key", "create", "--name", "Backend")
    assert re.fullmatch(r"cpk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", printed)
    assert ready.sends(printed.strip()) == 200


def test_browser_key_opens_no_door_of_servers(ready: Console) -> None:
    printed = ready.done("key", "create", "--name", "Website", "--kind", "browser")
    assert re.fullmatch(r"cpb_[0-9a-f]{12}_[A-Za-z0-9_-]{43}\n", printed)
    assert ready.sends(printed.strip()) == 401
    assert re.search(r"  browser  usable  never used +  Website\n", ready.done("key", "list"))


def test_keys_are_listed_without_their_secret(ready: Console) -> None:
    key = ready.done("key", "create", "--name", "Back office").strip()
    before = ready.done("key", "list").splitlines()
    assert re.fullmatch(r"[0-9a-f]{12}  server   usable  never used +  Back office", before[0])
    assert before[0].startswith(key.split("_")[1])
    assert before[1].endswith("First key")
    ready.sends(key)
    after = ready.done("key", "list")
    assert re.match(r"[0-9a-f]{12}  server   usable  last used \d{4}-\d\d-\d\d from 127.0.0.1  Back office\n", after)
    assert key.split("_", 2)[2] not in after


def test_revoked_key_ends_at_once(ready: Console) -> None:
    key = ready.done("key", "create", "--name", "Backend").strip()
    public_id = key.split("_")[1]
    server = create_app(settings_for(ready.url)).test_client()
    headers = {"x-growlytics-key": key}
    assert server.post("/track/user", json=BODY, headers=headers).status_code == 200
    assert ready.done("key", "revoke", public_id) == f"{public_id} (“Backend”) is revoked.\n"
    assert server.post("/track/user", json=BODY, headers=headers).status_code == 401
    assert f"{public_id}  server   revoked" in ready.done("key", "list")


def test_key_that_does_not_exist_cannot_be_revoked(ready: Console) -> None:
    assert ready.refused("key", "revoke", "0123456789ab") == "there is no key 0123456789ab in “My shop”"


def test_workspace_is_chosen_by_name(ready: Console) -> None:
    database = Database(settings_for(ready.url).url)
    with database.write() as session:
        workspaces.create(session, "Second shop")
    database.engine.dispose()
    key = ready.done("key", "create", "--name", "Till", "--workspace", "Second shop").strip()
    assert "Till" not in ready.done("key", "list")
    assert ready.done("key", "list", "--workspace", "Second shop").endswith("Till\n")
    assert ready.refused("key", "list", "--workspace", "Third shop") == "there is no workspace “Third shop”"
    assert "is no key" in ready.refused("key", "revoke", key.split("_")[1]), "it belongs to the second shop"


def test_doctor_finds_a_good_installation_fine(ready: Console) -> None:
    result = ready.run("doctor")
    lines = result.stdout.splitlines()
    assert (result.exit_code, [line for line in lines if not line.startswith("ok ")]) == (0, [])
    assert "ok     migrations: all applied" in lines


def test_doctor_finds_a_role_that_row_level_security_does_not_hold(
    bare: Console, postgresql_server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = make_url(create_database(postgresql_server)).set(username=make_url(postgresql_server).username)
    monkeypatch.setenv("DATABASE_URL", url.render_as_string(hide_password=False))
    monkeypatch.setenv("SECRET_KEY", SECRET)
    bare.run("init")
    status, (wrong,) = bare.doctor()
    assert status == 1
    assert "is a superuser or has BYPASSRLS, whom row-level security doesn't hold" in wrong


def test_doctor_finds_migrations_that_are_not_applied(console: Console) -> None:
    Database(settings_for(console.url).url).engine.connect().close()
    status, wrong = console.doctor()
    assert status == 1
    assert len(wrong) == 1
    assert re.fullmatch(r"migrations: 0001.* not applied; run `customer-profiles migrate`", wrong[0])


def test_doctor_finds_a_database_of_a_later_version(ready: Console) -> None:
    database = Database(settings_for(ready.url).url)
    with database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    database.engine.dispose()
    words = "a later version of this product has brought the database to 9999"
    assert ready.doctor() == (1, [f"migrations: {words}; install that version"])
    assert ready.refused("migrate") == words


def test_doctor_finds_no_database_and_leaves_nothing_behind(bare: Console, tmp_path: Path) -> None:
    missing = "database: data/customer-profiles.sqlite3 does not exist yet; `customer-profiles serve` makes it"
    assert bare.doctor() == (1, [missing])
    assert list(tmp_path.iterdir()) == []


def test_doctor_finds_a_database_that_cannot_be_written(tmp_path: Path) -> None:
    assert run(tmp_path, "init").returncode == 0
    folder, file = tmp_path / "data", tmp_path / "data/customer-profiles.sqlite3"
    # Root may write everything, unless it gives that right up.
    without_rights = ("setpriv", "--bounding-set=-all", "--inh-caps=-all") if os.geteuid() == 0 else ()
    for one, mode in ((file, 0o400), (folder, 0o500)):
        before = one.stat().st_mode
        one.chmod(mode)
        found = run_command(tmp_path, *without_rights, SCRIPT, "doctor")
        one.chmod(before)
        assert found.returncode == 1
        words = "data/customer-profiles.sqlite3 or its folder can't be written by this user"
        assert f"WRONG  database: {words}\n" in found.stdout


def test_what_was_refused_is_listed_shown_and_sent_again(ready: Console) -> None:
    assert ready.done("refused", "list") == ""
    key = ready.done("key", "create", "--name", "Backend").strip()
    app = create_app(settings_for(ready.url))
    for body in (b'{"customerId": "0", "name": "Seen"}', b'{"customerId": "0", "name": "\x1b[2J"}'):
        app.test_client().post("/rest-api/event", data=body, headers={"x-growlytics-key": key})
    listed = ready.done("refused", "list", "--endpoint", "/rest-api/event")
    assert "customerId is the placeholder" in listed
    assert ready.done("refused", "list", "--kind", "ignored") == ""
    id_ = next(line.split()[0] for line in listed.splitlines() if "placeholder" in line)
    shown = ready.done("refused", "show", id_)
    assert '{"customerId": "0", "name": "Seen"}' in shown
    assert "\x1b" not in ready.run("refused", "list").stdout + shown
    tried = ready.run("refused", "replay", id_, "--dry-run")
    assert (tried.exit_code, "0 of 1 would be stored." in tried.stdout) == (1, True)
    with app.extensions["database"].write() as session:
        workspaces.find(session, None).placeholder_ids = ""
    assert "1 of 1 would be stored." in ready.done("refused", "replay", id_, "--dry-run")
    assert "1 of 1 are stored." in ready.done("refused", "replay", id_)
    assert "0 of 0 are stored." in ready.done("refused", "replay", id_)
    assert "nothing was refused" in ready.refused("refused", "show", "17")
    app.extensions["database"].engine.dispose()


def test_doctor_finds_a_file_that_is_no_database(bare: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("shop.sqlite3").write_text("to do: buy milk\n" * 100)
    monkeypatch.setenv("DATABASE_URL", "sqlite:///shop.sqlite3")
    assert bare.doctor() == (1, ["database: sqlite:///shop.sqlite3 can't be used: file is not a database"])
    assert bare.refused("init").startswith("the database says: file is not a database\n")


def test_doctor_finds_a_server_that_is_not_there(bare: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://shop:hunter2@127.0.0.1:1/shop")
    monkeypatch.setenv("SECRET_KEY", SECRET)
    status, (wrong,) = bare.doctor()
    assert status == 1
    assert wrong.startswith("database: postgresql+psycopg://shop:***@127.0.0.1:1/shop can't be used: connection failed")
    words = bare.refused("key", "list")
    assert words.startswith("the database says: connection failed")
    assert words.endswith("Try `customer-profiles doctor`.")
    assert "hunter2" not in wrong + words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"DATABASE_URL": "mysql://db/shop"}, "DATABASE_URL: must start with sqlite:/// or postgresql://"),
        ({"DATABASE_URL": "postgresql://db/shop"}, "SECRET_KEY: is needed with PostgreSQL."),
        ({"PORT": "http", "THREADS": "0"}, "PORT: must be a whole number"),
    ],
)
def test_doctor_finds_wrong_settings(
    bare: Console, monkeypatch: pytest.MonkeyPatch, settings: dict[str, str], words: str
) -> None:
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    status, (wrong,) = bare.doctor()
    assert status == 1
    assert wrong.startswith(f"configuration: {words}")


def test_wrong_setting_ends_every_command_in_words(bare: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "http")
    for arguments in (("serve",), ("init",), ("migrate",), ("demo",), ("key", "list")):
        assert bare.refused(*arguments) == "PORT: must be a whole number"


def test_folder_that_cannot_be_made_is_told(bare: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("shops").touch()
    monkeypatch.setenv("DATABASE_URL", "sqlite:///shops/shop.sqlite3")
    assert bare.refused("init") == "DATABASE_URL: can't make the folder shops: File exists"


def test_embedded_database_is_kept_in_wal_mode(bare: Console) -> None:
    bare.done("init")
    with sqlite3.connect("data/customer-profiles.sqlite3") as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert migrate.missing(Database(settings_for(bare.url).url)) == []


def test_recount_says_what_it_counted_and_finds_the_same(ready: Console) -> None:
    assert ready.sends(ready.done("key", "create", "--name", "Backend").strip()) == 200
    database = Database(settings_for(ready.url).url)
    with database.read() as session:
        before = counted.stored(session, 1)
    assert before
    assert ready.done("recount").splitlines()[-1] == "“My shop” is counted."
    with database.read() as session:
        assert counted.stored(session, 1) == before
        assert recounts.due(session) == []
    database.engine.dispose()
    assert "there is no workspace “Nowhere”" in ready.refused("recount", "--workspace", "Nowhere")


def test_key_is_rotated_and_the_new_one_printed_alone(ready: Console) -> None:
    key = ready.done("key", "create", "--name", "Backend", "--per-minute", "600").strip()
    public_id = key.split("_")[1]
    made = ready.done("key", "rotate", public_id, "--overlap", "7d").strip()
    assert re.fullmatch(r"cpk_[0-9a-f]{12}_[A-Za-z0-9_-]{43}", made.splitlines()[-1])
    assert [ready.sends(one) for one in (key, made.splitlines()[-1])] == [200, 200]
    new_id = made.splitlines()[-1].split("_")[1]
    listed = ready.done("key", "list")
    assert re.search(rf"{new_id}  server   usable, 600 a minute  last used .*  Backend\n", listed)
    assert re.search(rf"{public_id}  server   ends \d{{4}}-\d\d-\d\dT\d\d:\d\dZ, replaced by {new_id}, 600 a", listed)
    assert ready.refused("key", "rotate", public_id) == (
        f"the key {public_id} has been replaced already; rotate the key that took its place"
    )
    assert ready.refused("key", "rotate", "0123456789ab") == "there is no key 0123456789ab in “My shop”"


def test_rotation_at_once_ends_the_former_key(ready: Console) -> None:
    key = ready.done("key", "create", "--name", "Backend").strip()
    made = ready.done("key", "rotate", key.split("_")[1], "--overlap", "now").strip().splitlines()[-1]
    assert [ready.sends(one) for one in (key, made)] == [401, 200]


def test_limit_of_a_key_is_set_and_lifted(ready: Console) -> None:
    key = ready.done("key", "create", "--name", "Backend", "--kind", "read", "--ends-in", "90d").strip()
    assert key.startswith("cpr_")
    public_id = key.split("_")[1]
    assert ready.done("key", "limit", public_id, "1200") == f"{public_id} (“Backend”): 1,200 requests a minute.\n"
    assert re.search(rf"{public_id}  read     ends [\d-]+T[\d:]+Z, 1,200 a minute  never", ready.done("key", "list"))
    assert ready.done("key", "limit", public_id, "none") == f"{public_id} (“Backend”): no limit.\n"
    assert "a minute" not in ready.done("key", "list")
