"""The second factor: codes that change every 30 seconds (TOTP, RFC 6238), and recovery codes for who has lost it."""

import base64
import hmac
import re
import secrets
from dataclasses import dataclass
from typing import Literal

import pyotp
import segno
from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from webapp import clock, tokens
from webapp.db import insert
from webapp.models import RecoveryCode, SecondFactor, User

RECOVERY_CODES = 10
FEW = 3  # recovery codes left, of which one is warned
_STEP = 30 * clock.SECOND
_ISSUER = "Customer Profiles"

Kind = Literal["code", "recovery code"]


@dataclass(frozen=True, slots=True)
class State:
    """A second factor that is on, since when (epoch ms), and how many recovery codes are left."""

    since: int
    codes_left: int


def new_secret() -> str:
    """160 random bits in base32, as apps take them."""
    return pyotp.random_base32()


def picture(secret: str, email: str) -> str:
    """The QR code with which an app takes over a secret, as the address of an image."""
    address = pyotp.TOTP(secret).provisioning_uri(name=email, issuer_name=_ISSUER)
    return segno.make(address, micro=False).svg_data_uri(scale=4, light="#fff")


def is_on(session: Session, user_id: int) -> bool:
    """Whether a user is asked for a code."""
    return session.scalar(select(SecondFactor.user_id).where(SecondFactor.user_id == user_id)) is not None


def state(session: Session, user_id: int) -> State | None:
    """A user's second factor; None while it is off."""
    left = select(func.count()).where(RecoveryCode.user_id == user_id).scalar_subquery()
    query = select(SecondFactor.created_at, left).where(SecondFactor.user_id == user_id)
    found = session.execute(query).one_or_none()
    return None if found is None else State(*found)


def switch_on(session: Session, user: User, secret: str, code: str) -> list[str] | None:
    """Ask for codes of this secret from now on, if the code is right. Returns the recovery codes, else None.

    Also None when it is on already.
    """
    step = _matching_step(secret, code)
    if step is None:
        return None
    row = {"user_id": user.id, "secret": secret, "last_step": step, "created_at": clock.now()}
    statement = insert(session)(SecondFactor).values(row).on_conflict_do_nothing().returning(SecondFactor.user_id)
    return None if session.scalar(statement) is None else renew_codes(session, user.id)


def switch_off(session: Session, user_id: int) -> bool:
    """Ask for no codes any more. Returns whether it was on."""
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    query = delete(SecondFactor).where(SecondFactor.user_id == user_id).returning(SecondFactor.user_id)
    return session.scalar(query) is not None


def renew_codes(session: Session, user_id: int) -> list[str]:
    """Make recovery codes, each as `abcd-efgh-2345-wxyz`; those made before are worth nothing from now on."""
    session.scalar(
        select(SecondFactor.user_id).where(SecondFactor.user_id == user_id).with_for_update()
    )  # one at a time
    session.execute(delete(RecoveryCode).where(RecoveryCode.user_id == user_id))
    codes = [_new_code() for _ in range(RECOVERY_CODES)]
    session.add_all(RecoveryCode(user_id=user_id, code_hash=_hashed(code)) for code in codes)
    return codes


def _new_code() -> str:
    text = base64.b32encode(secrets.token_bytes(10)).decode().lower()
    return "-".join(text[place : place + 4] for place in range(0, len(text), 4))


def _hashed(code: str) -> str:
    return tokens.hashed(re.sub(r"[^a-z2-7]", "", code.lower()))


def use(session: Session, user_id: int, text: str) -> Kind | None:
    """Use up a code or recovery code: each is taken once, also of two that come at once. None when it is wrong."""
    if _digits(text):
        return "code" if _use_code(session, user_id, text) else None
    is_it = (RecoveryCode.user_id == user_id) & (RecoveryCode.code_hash == _hashed(text))
    used = session.scalar(delete(RecoveryCode).where(is_it).returning(RecoveryCode.user_id))
    return None if used is None else "recovery code"


def _use_code(session: Session, user_id: int, code: str) -> bool:
    kept = session.get(SecondFactor, user_id)
    step = None if kept is None else _matching_step(kept.secret, code)
    if kept is None or step is None:
        return False
    is_later = (
        (SecondFactor.user_id == user_id) & (SecondFactor.secret == kept.secret) & (SecondFactor.last_step < step)
    )
    statement = update(SecondFactor).where(is_later).values(last_step=step).returning(SecondFactor.user_id)
    return session.scalar(statement.execution_options(synchronize_session=False)) is not None


def _digits(text: str) -> str:
    """The six digits of a code, which people write in groups; nothing where it is none."""
    digits = re.sub(r"[\s-]", "", text)
    return digits if re.fullmatch(r"\d{6}", digits, re.ASCII) else ""


def _matching_step(secret: str, code: str) -> int | None:
    """The step whose code this is: the present one or one beside it, as clocks differ."""
    now, generator, digits = clock.now() // _STEP, pyotp.TOTP(secret), _digits(code)
    for step in (now, now - 1, now + 1):
        if hmac.compare_digest(generator.generate_otp(step), digits):
            return step
    return None
