"""The files of the browser SDK, which pages of other sites load."""

import gzip
import hashlib
from functools import cache
from typing import NamedTuple

from flask import Flask, Response, abort, request

from webapp import assets

MIMETYPES = {"growlytics.js": "text/javascript", "growlytics.js.map": "application/json"}
_REVALIDATED = "public, max-age=300"  # so long after an upgrade, all pages have the new one
_KEPT = "public, max-age=31536000, immutable"


class _File(NamedTuple):
    """A file as it is, and compressed; `digest` changes with it."""

    plain: bytes
    gzipped: bytes
    digest: str


def register(app: Flask) -> None:
    """Serve them: the newest under an address that stays, and each version under its own."""
    app.add_url_rule("/sdk/<name>", "sdk", _newest)
    app.add_url_rule("/sdk/<version>/<name>", "sdk_version", _of_version)


@cache
def versions() -> list[str]:
    """The versions there are, the newest last."""
    found = (folder.name for folder in (assets.folder("static") / "sdk").iterdir() if folder.is_dir())
    return sorted(found, key=lambda version: [int(part) for part in version.split(".")])


def _newest(name: str) -> Response:
    return _answer(versions()[-1], name, _REVALIDATED)


def _of_version(version: str, name: str) -> Response:
    return _answer(version, name, _KEPT)


def _answer(version: str, name: str, caching: str) -> Response:
    if name not in MIMETYPES or version not in versions():
        abort(404)
    file = _file(version, name)
    is_gzipped = request.accept_encodings["gzip"] > 0
    response = Response(file.gzipped if is_gzipped else file.plain, mimetype=MIMETYPES[name])
    if is_gzipped:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{file.digest}-gzip" if is_gzipped else file.digest)
    response.vary.add("Accept-Encoding")
    # Any site may load it, also with `crossorigin`, as pages with `integrity` must.
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    response.headers["Cache-Control"] = caching
    response.make_conditional(request)
    return response


@cache
def _file(version: str, name: str) -> _File:
    plain = (assets.folder("static") / "sdk" / version / name).read_bytes()
    return _File(plain, gzip.compress(plain, 9, mtime=0), hashlib.sha256(plain).hexdigest()[:16])
