"""Every form of the pages, as somebody sends it who succeeds, and the note that it leaves in the audit log.

They build on one another, in this order.
"""

from collections.abc import Callable, Mapping
from string import Formatter
from typing import NamedTuple

from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute
from werkzeug.test import TestResponse

from tests import members
from tests.test_settings import GOOD
from tests.visitors import T0, tell, values
from tests.world import PASSWORD, Shop, submit
from webapp import invitations
from webapp.models import ApiKey, AuditEntry, Customer, Merge, Note, RefusedReason, Segment, TypeChange

NEW_PASSWORD = "an entirely different horse"
GUEST = "guest@shop.example"
EMAIL, MOBILE, NAME = "asha.planted@example.com", "+919876543210", "Asha Planted"
NOTE, DESCRIPTION = "She planted roses", "Where the planted roses go"


class Form(NamedTuple):
    """What is noted of a form, where it is sent to, and its fields; `{customer}` and the like: see _NAMES.

    `is_strangers`: somebody sends it who isn't signed in.
    """

    action: str
    path: str
    fields: Mapping[str, str] = {}
    is_strangers: bool = False


CITY = {"event": "", "name": "City"}
_OF, _PEOPLE = "/customers/{customer}", "/settings/people"
FORMS = {
    "website.create_key": Form("key.created", "/settings/website/keys"),
    "website.change_signing": Form(
        "signing.required", "/settings/website/keys/{browser_key}/signing", {"wants_signature": "yes"}
    ),
    "website.replace_secret": Form("secret.replaced", "/settings/website/secret"),
    "website.show_secret": Form("secret.shown", "/settings/website/secret/showing"),
    "website.change_origins": Form("origins.changed", "/settings/website/origins", {"origins": "https://shop.example"}),
    "website.allow_origin": Form(
        "origins.changed", "/settings/website/origins/addition", {"origin": "https://new.example"}
    ),
    "settings.change_workspace": Form("settings.changed", "/settings/workspace", {**GOOD, "keeps_refused": "yes"}),
    "exporting.export": Form("workspace.exported", "/settings/workspace/export"),
    "privacy.change_retention": Form("retention.changed", "/settings/privacy/retention", {"days": "3000"}),
    "privacy.change_addresses": Form("addresses.changed", "/settings/privacy/addresses", {"keeps_addresses": "no"}),
    "api_keys.create": Form("key.created", "/settings/keys", {"name": "Tills"}),
    "api_keys.limit": Form("key.limited", "/settings/keys/{key}/limit", {"rate_limit": "600"}),
    "api_keys.rotate": Form("key.rotated", "/settings/keys/{key}/rotation", {"overlap": "1d"}),
    "api_keys.revoke": Form("key.revoked", "/settings/keys/{key}/revocation"),
    "saving.create": Form("segment.created", "/segments", {"name": "Homes", "view": "where=has+City"}),
    "saving.rename": Form("segment.renamed", "/segments/{segment}", {"name": "Known homes"}),
    "saving.replace": Form("segment.replaced", "/segments/{segment}/view", {"view": f"where=email+%3D+{EMAIL}"}),
    "saving.delete": Form("segment.deleted", "/segments/{segment}/deletion"),
    "pinning.pin": Form("attribute.pinned", f"{_OF}/pins", {"name": "City"}),
    "pinning.unpin": Form("attribute.unpinned", f"{_OF}/pins/removal", {"name": "City"}),
    "noting.add": Form("note.added", f"{_OF}/notes", {"text": NOTE}),
    "noting.change": Form("note.changed", f"{_OF}/notes/{{note}}", {"text": f"{NOTE} again"}),
    "noting.remove": Form("note.removed", f"{_OF}/notes/{{note}}/removal"),
    "noting.tag": Form("tag.added", f"{_OF}/tags", {"tag": "VIP"}),
    "noting.untag": Form("tag.removed", f"{_OF}/tags/removal", {"tag": "VIP"}),
    "merging.merge": Form("merge.created", f"{_OF}/merges", {"with": "{visitor}"}),
    "merging.undo": Form("merge.undone", f"{_OF}/merges/{{merge}}/undoing"),
    "merging.redo": Form("merge.renewed", f"{_OF}/merges/{{merge}}/renewal"),
    "merging.resume": Form("merging.resumed", f"{_OF}/merges/resumption"),
    "describing.describe": Form("entry.described", "/data/description", {**CITY, "description": DESCRIPTION}),
    "describing.hide": Form("entry.hidden", "/data/hiding", {**CITY, "hidden": "yes"}),
    "retyping.change": Form("type.changed", "/data/types", {**CITY, "type": "date"}),
    "retyping.take_back": Form("type.restored", "/data/types/{change}/undoing"),
    "handing.export": Form("customer.handed_out", f"{_OF}/export"),
    "erasures.choose_returning": Form("returning.changed", "/erasures/returning", {"returning": "allowed"}),
    "erasures.erase_known": Form("erasure.blocked", "/erasures", {"by": "email", "text": "nobody@example.com"}),
    "replaying.send_again": Form("refused.replayed", "/refused/{reason}/replay"),
    "replaying.dismiss": Form("refused.dismissed", "/refused/{reason}/dismissal"),
    "login.sign_in": Form(
        "login.succeeded", "/login", {"email": "alice@shop.example", "password": PASSWORD}, is_strangers=True
    ),
    "joining.accept": Form(
        "member.joined", "/invitations/{token}", {"email": GUEST, "password": NEW_PASSWORD}, is_strangers=True
    ),
    "members.invite": Form(
        "user.invited", f"{_PEOPLE}/invitations", {"role": "viewer", "email": "next@shop.example", "once": "invited"}
    ),
    "members.take_back": Form("invitation.taken_back", f"{_PEOPLE}/invitations/{{invitation}}/withdrawal"),
    "members.change_role": Form("role.changed", f"{_PEOPLE}/{{guest}}/role", {"role": "editor"}),
    "members.reset": Form("reset.made", f"{_PEOPLE}/{{guest}}/reset"),
    "members.remove": Form("member.removed", f"{_PEOPLE}/{{guest}}/removal"),
    "account.end_other_logins": Form("login.others_ended", "/settings/account/logins/end"),
    "account.change_password": Form(
        "password.changed", "/settings/account", {"current": PASSWORD, "new": NEW_PASSWORD}
    ),
    "erasures.archive": Form("customer.archived", f"{_OF}/archiving", {"sure": "yes"}),
    "erasures.erase": Form("customer.erased", "/customers/{visitor}/erasing", {"sure": "yes"}),
    "login.sign_out": Form("login.left", "/account/logout"),
}
# Forms whose notes take more than a form to be made: what they leave, and which tests show it.
ELSEWHERE = {
    "account.end_login": ("login.ended", "test_logins"),
    "account.leave": ("member.left", "test_members"),
    "importing.cancel": ("import.cancelled", "test_import_pages"),
    "importing.start": ("import.started", "test_import_pages"),
    "founding.create": ("workspace.created", "test_workspaces"),
    "joining.join": ("member.joined", "test_invitations"),
    "linking.unlink": ("user.unlinked", "test_openid"),
    "login.check_code": ("login.succeeded", "test_second_factor"),
    "resetting.ask": ("reset.asked_for", "test_resets"),
    "resetting.use": ("password.reset", "test_resets"),
    "revealing.reveal": ("contact.revealed", "test_masking"),
    "second_factor.renew_codes": ("recovery_codes.renewed", "test_second_factor"),
    "second_factor.switch_off": ("second_factor.disabled", "test_second_factor"),
    "second_factor.switch_on": ("second_factor.enabled", "test_second_factor"),
    "workspaces.enter": ("workspace.entered", "test_workspaces"),
}
# Forms that leave no note, and why.
SILENT = {
    "importing.upload": "nothing of the file is imported before somebody starts that",
    "second_factor.begin": "nothing is kept until a code has come back",
    "replaying.rehearse": "it says what would happen, and stores nothing",
    "reference.try_it": "it says what would happen, and stores nothing",
}


def fill(shop: Shop) -> None:
    """What the forms are about: somebody known, a visitor, and something refused."""
    shop.customer("u1", name=NAME, email=EMAIL, mobile=MOBILE, City="Pune", Points=1)
    shop.customer("u1", Points=f"{NAME}'s")
    shop.event()
    tell(shop, values("tablet", T0, email=f"visiting.{EMAIL}"))


def send(shop: Shop, browser: FlaskClient, form: Form) -> TestResponse:
    """Send a form, which must succeed."""
    sender = shop.app.test_client() if form.is_strangers else browser
    path = _said(shop, form.path)
    fields = {name: _said(shop, text) for name, text in form.fields.items()}
    answer = submit(sender, path, "/login" if form.is_strangers else "/help/keyboard", **fields)
    assert answer.status_code in {200, 201, 302, 303}, f"{form.path}: {answer.status_code}"
    return answer


def noted(shop: Shop) -> list[AuditEntry]:
    """All entries of the audit log, oldest first."""
    with shop.database.read() as session:
        return list(session.scalars(select(AuditEntry).order_by(AuditEntry.id)))


def _said(shop: Shop, text: str) -> str:
    wanted = {name for _, name, *_ in Formatter().parse(text) if name}
    return text.format(**{name: _NAMES[name](shop) for name in wanted})


def _latest(column: InstrumentedAttribute[int], **where: object) -> Callable[[Shop], str]:
    def find(shop: Shop) -> str:
        with shop.database.read() as session:
            return str(session.scalar(select(func.max(column)).filter_by(**where)))

    return find


def _visitor(shop: Shop) -> str:
    with shop.database.read() as session:
        query = select(Customer.growlytics_id).where(Customer.system_id.is_(None))
        return session.scalars(query.order_by(Customer.id).limit(1)).one()


def _key(kind: str) -> Callable[[Shop], str]:
    def find(shop: Shop) -> str:
        with shop.database.read() as session:
            return (
                session.scalars(select(ApiKey.public_id).where(ApiKey.kind == kind).order_by(ApiKey.id.desc())).first()
                or ""
            )

    return find


def _token(shop: Shop) -> str:
    with shop.database.write() as session:
        return invitations.invite(session, shop.workspace.id, "viewer")


def _invitation(shop: Shop) -> str:
    with shop.database.read() as session:
        (found, _) = invitations.of_workspace(session, shop.workspace.id)[-1]
    return invitations.public_id(found)


_NAMES: dict[str, Callable[[Shop], str]] = {
    "customer": lambda shop: shop.find("u1").growlytics_id,
    "visitor": _visitor,
    "merge": _latest(Merge.id),
    "note": _latest(Note.id),
    "segment": _latest(Segment.id),
    "change": _latest(TypeChange.id),
    "reason": _latest(RefusedReason.id),
    "key": _key("server"),
    "browser_key": _key("browser"),
    "token": _token,
    "invitation": _invitation,
    "guest": lambda shop: str(members.id_of(shop, GUEST)),
}
