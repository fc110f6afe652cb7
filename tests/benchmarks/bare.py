"""What the framework alone can do: a Flask app that parses an event and says thanks, on the product's own server.

    PORT=8001 python -m tests.benchmarks.bare

It is started by the very function that starts the product, so that both always have the same server and settings.
"""

from unittest.mock import patch

from flask import Flask, jsonify, request
from flask.typing import ResponseReturnValue

from tests.benchmarks import events
from webapp import config, server


def app() -> Flask:
    """The app: one endpoint, and the one by which a test sees that it serves."""
    made = Flask("bare")

    @made.post(events.PATH)
    def event() -> ResponseReturnValue:
        request.get_json()
        return jsonify({"success": True})

    @made.get("/healthz")
    def healthz() -> ResponseReturnValue:
        return "ok"

    return made


if __name__ == "__main__":
    with patch.object(server, "_app", app):
        server.run(config.load(_env_file=None))
