"""Random secrets that are shown once and kept only as a hash."""

import hashlib
import hmac
import secrets


def new() -> str:
    """A token of 256 random bits, safe in URLs and headers."""
    return secrets.token_urlsafe(32)


def hashed(token: str) -> str:
    """What is stored of a token. It is random, so plain SHA-256 can't be guessed back."""
    return hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest()


def matches(token: str, kept: str) -> bool:
    """Whether a token is the one whose hash was kept, in equal time either way."""
    return hmac.compare_digest(hashed(token), kept)


def public_id(kept: str) -> str:
    """What pages know a kept token by: enough of its hash to tell it from others, which tells nothing of it."""
    return kept[:16]
