"""The OpenID provider of the settings: where it sends people, and whom it says they are. All it says is checked.

Authlib, an extra of the package, speaks the protocol; this file is imported only where a provider is configured.
"""

import hashlib
import hmac
import time
from dataclasses import dataclass, field
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.client import OAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.errors import InvalidKeyIdError, JoseError
from joserfc.jwk import JWKRegistry, Key, KeySet
from joserfc.jws import JWSRegistry

from webapp import users
from webapp.config import Settings, is_secure
from webapp.openid import Identity, RefusedError
from webapp.wire import CrowdedError, NoAnswerError, Wire

# Signed by a key that only the provider has. `none`, and what is signed by a shared secret, proves nothing here.
_ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
_KINDS = ("RSA", "EC", "OKP")
_MOST_KEYS = 50
_HOLDS = 3600.0  # seconds for which addresses and keys are kept
_PAUSE = 10.0  # seconds before keys are asked for again because of one that isn't among them
_LEEWAY = 60  # seconds that clocks may differ
_LONGEST = 255  # characters of a subject, by the standard
_SCOPE = "openid email"


@dataclass(frozen=True, slots=True)
class _Metadata:
    """Where the provider is asked for what, and how this server tells it who is asking."""

    authorization: str
    token: str
    keys: str
    authentication: str
    read_at: float = field(default_factory=time.monotonic)

    @classmethod
    def read(cls, found: dict[str, Any], issuer: str) -> "_Metadata":
        """Of what was found for the issuer. Raises NoAnswerError."""
        if found.get("issuer") != issuer:
            raise NoAnswerError("another issuer")
        ways = found.get("token_endpoint_auth_methods_supported")
        is_posted = isinstance(ways, list) and "client_secret_basic" not in ways and "client_secret_post" in ways
        return cls(
            authorization=_address(found, "authorization_endpoint", issuer),
            token=_address(found, "token_endpoint", issuer),
            keys=_address(found, "jwks_uri", issuer),
            authentication="client_secret_post" if is_posted else "client_secret_basic",
        )


def _address(found: dict[str, Any], name: str, issuer: str) -> str:
    address = found.get(name)
    if not isinstance(address, str) or not is_secure(address) or "#" in address:
        raise NoAnswerError(f"no {name}")
    if issuer.startswith("https:") and not address.startswith("https:"):
        raise NoAnswerError(f"no {name}")  # nobody elsewhere says what is asked of this machine
    return address


@dataclass(frozen=True, slots=True)
class _Keys:
    """What the provider signs with."""

    known: KeySet
    read_at: float = field(default_factory=time.monotonic)

    @classmethod
    def read(cls, found: dict[str, Any]) -> "_Keys":
        """Those of what was found that can be used: providers publish others beside them."""
        listed = found.get("keys")
        read = [_key(one) for one in listed[:_MOST_KEYS]] if isinstance(listed, list) else []
        return cls(KeySet([one for one in read if one is not None]))


def _key(given: Any) -> Key | None:
    if not isinstance(given, dict) or given.get("kty") not in _KINDS or given.get("use", "sig") != "sig":
        return None
    try:
        return JWKRegistry.import_key(given)
    except Exception:  # whatever it is that the libraries below say of a key, it is none
        return None


class Provider:
    """The provider by which people sign in.

    `name`: the word on the button; `is_only`: there are no passwords beside it; `public_url`: where browsers come back.

    What has to come back with a browser (a nonce, the verifier of its code) is worked out from the `state` it was sent
    away with, by a secret of this server: nobody else can know it, and nothing needs to be kept.
    """

    def __init__(self, settings: Settings, secret: str) -> None:
        assert settings.openid_issuer is not None  # noqa: S101 - else there is none: openid.configured
        assert settings.openid_client_secret is not None  # noqa: S101 - which the settings refuse
        self.issuer = settings.openid_issuer
        self.name = settings.openid_name
        self.is_only = settings.openid_only
        self.public_url = settings.public_url
        self._client_id = settings.openid_client_id
        self._client_secret = settings.openid_client_secret.get_secret_value()
        self._secret = secret.encode()
        self._wire = Wire()
        self._metadata: _Metadata | None = None
        self._keys: _Keys | None = None

    def check(self) -> None:
        """Ask for its addresses and keys. Raises NoAnswerError and CrowdedError."""
        if not self._keys_of(0).known:
            raise NoAnswerError("no keys")

    def address(self, state: str, redirect_uri: str, *, chooses: bool = False) -> str:
        """Where to send a browser. Raises NoAnswerError and CrowdedError.

        `chooses`: there among several accounts, though signed in with one of them.
        """
        found = self._metadata_of(_HOLDS)
        url, _ = self._client(found, redirect_uri).create_authorization_url(
            found.authorization,
            state=state,
            nonce=self._of(state, "nonce"),
            code_verifier=self._of(state, "verifier"),
            prompt="select_account" if chooses else None,
        )
        return str(url)

    def identity(self, state: str, code: str, redirect_uri: str) -> Identity:
        """Whom a browser comes back as. Raises NoAnswerError, CrowdedError and RefusedError."""
        claims = self._claims(self._token(state, code, redirect_uri), self._of(state, "nonce"))
        subject = claims["sub"]
        if not (0 < len(subject) <= _LONGEST and subject.isprintable()):
            raise RefusedError("subject")
        return Identity(self.issuer, subject, _email(claims.get("email")), claims.get("email_verified") is True)

    def _of(self, state: str, what: str) -> str:
        return hmac.new(self._secret, f"openid {what} {state}".encode(), hashlib.sha256).hexdigest()

    def _client(self, found: _Metadata, redirect_uri: str) -> Any:
        return OAuth2Client(
            self._wire,
            self._client_id,
            self._client_secret,
            token_endpoint_auth_method=found.authentication,
            scope=_SCOPE,
            redirect_uri=redirect_uri,
            code_challenge_method="S256",
        )

    def _token(self, state: str, code: str, redirect_uri: str) -> dict[str, Any]:
        found = self._metadata_of(_HOLDS)
        client, verifier = self._client(found, redirect_uri), self._of(state, "verifier")
        try:
            token: dict[str, Any] = client.fetch_token(found.token, code=code, code_verifier=verifier)
        except (NoAnswerError, CrowdedError):
            raise
        except OAuth2Error as error:
            if error.error == "invalid_grant":
                raise RefusedError("invalid_grant") from None
            raise NoAnswerError(f"error {str(error.error)[:50]!r}") from None
        except Exception as error:  # whatever it is that makes the library fail, it is no token
            raise NoAnswerError(type(error).__name__) from None
        return token

    def _claims(self, token: dict[str, Any], nonce: str) -> dict[str, Any]:
        """What the provider has signed: who it is, for this sign-in, for this server, just now."""
        wanted = {
            "iss": {"essential": True, "value": self.issuer},
            "aud": {"essential": True, "value": self._client_id},
        }
        given = {"nonce": nonce, "client_id": self._client_id, "access_token": token.get("access_token")}
        try:
            read = self._read(token.get("id_token"))
            claims = CodeIDToken(read.claims, read.header, wanted, given)
            claims.validate(leeway=_LEEWAY)
        except (NoAnswerError, CrowdedError):
            raise
        except JoseError as error:
            raise RefusedError(f"id token: {type(error).__name__} {getattr(error, 'claim', '')}".rstrip()) from None
        except Exception as error:  # whatever it is that makes the library fail, it proves nothing
            raise RefusedError(f"id token: {type(error).__name__}") from None
        return dict(claims)

    def _read(self, id_token: Any) -> jwt.Token:
        registry = JWSRegistry(algorithms=_ALGORITHMS, strict_check_header=False)
        try:
            return jwt.decode(id_token, self._keys_of(_HOLDS).known, registry=registry)
        except InvalidKeyIdError:  # the provider may have a new one
            return jwt.decode(id_token, self._keys_of(_PAUSE).known, registry=registry)

    def _metadata_of(self, oldest: float) -> _Metadata:
        kept = self._metadata
        if kept is None or time.monotonic() - kept.read_at > oldest:
            found = self._wire.get(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
            self._metadata = kept = _Metadata.read(found, self.issuer)
        return kept

    def _keys_of(self, oldest: float) -> _Keys:
        kept = self._keys
        if kept is None or time.monotonic() - kept.read_at > oldest:
            self._keys = kept = _Keys.read(self._wire.get(self._metadata_of(_HOLDS).keys))
        return kept


def _email(given: Any) -> str | None:
    """An e-mail as users have theirs, None for what is none."""
    if not isinstance(given, str):
        return None
    # Folded, a Kelvin sign would be a k, and who owns the one address would be taken for the owner of the other.
    email = given.lower() if given.isascii() else given
    try:
        return email if users.checked_email(email) == email else None
    except users.InvalidError:
        return None
