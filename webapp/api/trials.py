"""Trying a request from a page: a dry run for who is signed in, without a key."""

import io
from typing import TYPE_CHECKING

from webapp.api import errors
from webapp.api.call import Call
from webapp.api.door import Endpoint
from webapp.api.errors import ApiError
from webapp.api.replies import Reply
from webapp.house import House
from webapp.models import Workspace

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIEnvironment


def answer(
    house: House, workspace: Workspace, path: str, endpoint: Endpoint, body: bytes, address: str
) -> Reply:  # fmt: skip
    """What the endpoint would answer to this body with `?dry_run=1`, had it come with a key of the workspace."""
    environ: WSGIEnvironment = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "CONTENT_LENGTH": str(len(body)),
        "REMOTE_ADDR": address,
        "wsgi.input": io.BytesIO(body),
    }
    try:
        return endpoint(Call(house, environ, is_dry_run=True, visitor=workspace))
    except ApiError as error:
        return errors.reply(error)
