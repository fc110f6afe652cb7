"""Help for those who use the keyboard."""

from flask import Blueprint, render_template

door = Blueprint("keyboard", __name__, url_prefix="/help/keyboard")


@door.get("")
def show() -> str:
    """The keys that pages know; with JavaScript, every page shows the same in a dialog."""
    return render_template("help/keyboard.html")
