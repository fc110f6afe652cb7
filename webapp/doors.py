"""Hanging a door into the house, together with the guards that stand before it."""

from collections.abc import Callable
from typing import Any

from flask import Blueprint, Flask

Guard = Callable[[], Any]


def hang(app: Flask, door: Blueprint, *guards: Guard) -> None:
    """Register a blueprint on this app; every request to it passes the guards, in order, before its route."""
    app.register_blueprint(door)
    app.before_request_funcs.setdefault(door.name, []).extend(guards)
