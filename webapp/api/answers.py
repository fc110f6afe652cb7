"""Answers to questions: each with an ETag, by which a program is told that nothing has changed since."""

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from werkzeug.http import parse_etags

from webapp.api import replies
from webapp.api.call import Call
from webapp.api.replies import Reply

# Of the rows of an answer, which ends early rather than be larger; one row is always told.
MOST_BYTES = 5_000_000


def told(call: Call, content: dict[str, Any]) -> Reply:
    """A reply with this content, or a 304 where the program has just that already."""
    found = replies.of(content)
    tag = hashlib.blake2b(found.body, digest_size=16).hexdigest()
    headers = {"ETag": f'"{tag}"'}
    if parse_etags(call.header("If-None-Match")).contains_weak(tag):
        return Reply(304, b"", headers)
    return found._replace(headers=headers)


def fitting(rows: Sequence[dict[str, Any]]) -> int:
    """How many of the rows an answer may have, so that it isn't too large."""
    size = 0
    for number, row in enumerate(rows):
        size += len(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass"))
        if size > MOST_BYTES:
            return max(1, number)
    return len(rows)
