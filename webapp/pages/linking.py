"""Taking away an account at the OpenID provider by which the visitor signs in."""

from flask import Blueprint, flash, redirect, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user

from webapp import audit, logins, openid
from webapp.db import whole
from webapp.models import User
from webapp.pages.guards import place, who

door = Blueprint("linking", __name__, url_prefix="/settings/account/linked")


@door.post("/<int(max=9223372036854775807):linked_id>/removal")
def unlink(linked_id: int) -> ResponseReturnValue:
    """Forget it, where there is a password to sign in with, and end what others may have begun by it."""
    with whole().write() as session:
        user = session.get_one(User, place().user_id)
        found = openid.unlink(session, user.id, linked_id) if openid.has_password(user) else None
        if found is not None:
            logins.end_others(session, user.id, current_user.login)
            audit.note_of_account(session, who(), user, "user.unlinked", issuer=found.issuer)
    if found is None:
        flash("It stays: nothing else would be left for you to sign in with.", "trouble")
    else:
        flash(
            "Unlinked, and all other browsers are signed out. Signing in by an account with your e-mail links it again."
        )
    return redirect(url_for("account.show"))
