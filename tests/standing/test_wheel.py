"""The wheel holds the whole product: installed without the checkout, it serves."""

import subprocess
import sys
import sysconfig
from importlib.util import find_spec
from pathlib import Path
from zipfile import ZipFile

import pytest

from tests.installations import get, post, run_command, serving

CHECKOUT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built from the checkout."""
    folder = tmp_path_factory.mktemp("wheel")
    # With the build tool at hand, building needs no network.
    how = ["--no-build-isolation"] if find_spec("hatchling") else []
    _pip("wheel", "--no-deps", *how, "--wheel-dir", str(folder), str(CHECKOUT))
    (built,) = folder.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment in which the wheel is installed; dependencies are borrowed from this one."""
    environment = tmp_path_factory.mktemp("installed")
    _run(sys.executable, "-m", "venv", "--without-pip", str(environment))
    programs = environment / "bin"
    _pip("--python", str(programs / "python"), "install", "--no-index", "--no-deps", str(wheel))
    (packages,) = environment.glob("lib/python*/site-packages")
    # A folder named in a .pth file lends its packages, but not its own .pth files: the checkout stays out of it.
    (packages / "borrowed.pth").write_text(sysconfig.get_path("purelib"))
    return programs


def _pip(*arguments: str) -> None:
    _run(sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", *arguments)


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("folder", ["templates", "static", "migrations"])
def test_wheel_holds_what_the_product_reads(wheel: Path, folder: str) -> None:
    inside = set(ZipFile(wheel).namelist())
    wanted = {
        f"webapp/{file.relative_to(CHECKOUT)}"
        for file in (CHECKOUT / folder).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert wanted
    assert wanted <= inside


def test_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.split("/")[0] for name in ZipFile(wheel).namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"webapp"}
    assert not [name for name in ZipFile(wheel).namelist() if "__pycache__" in name or name.endswith(".sqlite3")]


def test_installed_product_does_not_need_the_checkout(installed: Path, tmp_path: Path) -> None:
    program = "import webapp, webapp.assets as assets; print(webapp.__file__, assets.folder('templates'))"
    printed = run_command(tmp_path, str(installed / "python"), "-c", program, PYTHONPATH="")
    assert printed.returncode == 0, printed.stderr
    for place in printed.stdout.split():
        assert Path(place).is_relative_to(installed.parent)


def test_installed_product_serves_from_an_empty_folder(installed: Path, tmp_path: Path) -> None:
    with serving(tmp_path, command=(str(installed / "customer-profiles"), "serve"), PYTHONPATH="") as server:
        key = next(word for word in server.out.read_text().split() if word.startswith("cpk_"))
        assert get(f"{server.url}/healthz") == 200
        assert get(f"{server.url}/login") == 200
        assert get(f"{server.url}/static/app.css") == 200
        assert post(f"{server.url}/track/user", key, b'{"id": "u1", "attributes": {"Plan": "gold"}}') == 200
    assert server.err.read_text() == ""
