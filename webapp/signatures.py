"""Signed logins: a shop's server vouches for the System ID that a page says."""

import hashlib
import hmac
import secrets


def new_secret() -> str:
    """A secret to sign with: 64 hexadecimal digits."""
    return secrets.token_hex(32)


def sign(secret: str, system_id: str) -> str:
    """The signature of a System ID: its HMAC-SHA-256 with the secret's text as key, in hexadecimal."""
    return hmac.new(secret.encode(), system_id.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def holds(secret: str, system_id: str, signature: str) -> bool:
    """Whether a signature, in either letter case, is that of the System ID."""
    given = signature.strip().lower().encode("utf-8", "surrogatepass")
    return hmac.compare_digest(sign(secret, system_id).encode(), given)
