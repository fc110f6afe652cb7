"""The folders that travel with the code, and the addresses of static files."""

import hashlib
import json
from functools import cache, lru_cache
from pathlib import Path

from flask import Flask, request, url_for

_FLAGS = "vendor/country-flag-icons-1.6.20"
_PACKAGE = Path(__file__).resolve().parent

# htmx without anything that a strict Content-Security-Policy forbids, and without customer data in browser storage.
_HTMX = {
    "allowEval": False,
    "defaultSettleDelay": 0,  # ms until forms that came are htmx's: sent before, they would load the whole page anew
    "disableInheritance": True,
    "historyCacheSize": 0,
    "includeIndicatorStyles": False,
    "refreshOnHistoryMiss": True,
    "selfRequestsOnly": True,
    "timeout": 20_000,  # ms; after that, a part of a page says that it doesn't come
    "responseHandling": [
        {"code": "204", "swap": False},
        {"code": "[23]..", "swap": True},
        {"code": "422", "swap": True},
        {"code": "[45]..", "swap": False, "error": True},
    ],
}


def folder(name: str) -> Path:
    """The folder `templates`, `static` or `migrations`: at the top of a checkout, inside an installed package."""
    installed = _PACKAGE / name
    return installed if installed.is_dir() else _PACKAGE.parent / name


def register(app: Flask) -> None:
    """Let templates name static files and configure htmx."""
    app.jinja_env.globals.update(asset=address, flag=flag, htmx_config=json.dumps(_HTMX))


def address(name: str) -> str:
    """The URL of a static file. It changes with the content, so that browsers may keep the file for good."""
    return _address(request.script_root, name)


@lru_cache(maxsize=1024)
def _address(_script_root: str, name: str) -> str:
    # A page of visits shows a hundred flags, and building a URL takes a while. Only where the app hangs changes it.
    return url_for("static", filename=name, v=_fingerprint(name))


def flag(country: str) -> str | None:
    """The URL of a country's flag, None where there is none. `country`: an ISO 3166 alpha-2 code."""
    return address(f"{_FLAGS}/{country}.svg") if country in _countries() else None


@cache
def _countries() -> frozenset[str]:
    return frozenset(file.stem for file in (folder("static") / _FLAGS).glob("*.svg"))


@cache
def _fingerprint(name: str) -> str:
    return hashlib.sha256((folder("static") / name).read_bytes()).hexdigest()[:10]
