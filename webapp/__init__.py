"""Customer Profiles: a server that takes in a shop's customers and events and shows who they are."""

from collections.abc import Callable
from functools import partial
from io import BytesIO
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from flask import Flask, Request, Response, request
from flask.json.provider import DefaultJSONProvider
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from flask.typing import ResponseReturnValue
from flask_wtf import CSRFProtect
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from webapp import (
    api,
    assets,
    config,
    converting,
    db,
    demo_shop,
    erasing,
    filters,
    headers,
    hosts,
    htmx,
    importing,
    imports,
    metrics,
    occupancy,
    openid,
    pages,
    pruning,
    readiness,
    sdk,
    stripping,
    sweeping,
    watch,
)
from webapp.background import Background
from webapp.config import Settings
from webapp.db import Database
from webapp.house import House
from webapp.inbox import Inbox
from webapp.ingest.group import GroupCommit
from webapp.keys import Known
from webapp.logs import RequestIds
from webapp.mail import Post
from webapp.metrics import Metrics
from webapp.moving import halves
from webapp.origins import Strangers
from webapp.places import Places
from webapp.proxies import TrustedProxies
from webapp.rates import Rates
from webapp.readiness import Readiness

if TYPE_CHECKING:
    from werkzeug.formparser import t_parse_result


class _Forms(FormDataParser):
    """Forms have so many fields at most, in whichever way they are sent; Werkzeug bounds one of the two."""

    def parse(
        self, stream: IO[bytes], mimetype: str, content_length: int | None, options: dict[str, str] | None = None
    ) -> "t_parse_result":
        if mimetype == "application/x-www-form-urlencoded":
            data = stream.read()
            if self.max_form_parts is not None and data.count(b"&") >= self.max_form_parts:
                raise RequestEntityTooLarge
            stream = BytesIO(data)
        return super().parse(stream, mimetype, content_length, options)


class _Request(Request):
    """A request whose query is ASCII. Browsers send it so; the bytes of others are escaped, as they need be no text."""

    form_data_parser_class = _Forms

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self.query_string = quote(self.query_string, safe="%&=+,;:@/?!$'()*").encode()


_COOKIELESS = {"static", *headers.SDK, *headers.REVALIDATED, "healthz", "readyz", "metrics"}
sweeping.WORKS |= {"events": pruning.Pruning(), "addresses": stripping.Stripping()}


class _Cookies(SecureCookieSessionInterface):
    """The session cookie goes over HTTPS only, wherever the dashboard is reached by HTTPS.

    Under its name there, browsers take it from this very host alone: none beside it can put another in its place.
    """

    def get_cookie_name(self, app: Flask) -> str:
        name = super().get_cookie_name(app)
        return f"__Host-{name}" if request.is_secure else name

    def get_cookie_secure(self, app: Flask) -> bool:  # noqa: ARG002 - the signature is Flask's
        return request.is_secure

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        # Machines carry keys, not cookies; and files are the same for everybody.
        if not api.is_api(request.path) and request.endpoint not in _COOKIELESS:
            super().save_session(app, session, response)


def create_app(settings: Settings | None = None) -> Flask:
    """The WSGI application. Raises ConfigError when a setting is wrong, OccupiedError during a restore."""
    settings = settings or config.load()
    app = Flask("webapp", template_folder=str(assets.folder("templates")), static_folder=str(assets.folder("static")))
    app.config.update(
        SECRET_KEY=config.secret_key(settings),
        SESSION_COOKIE_NAME="customer_profiles",
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        MAX_CONTENT_LENGTH=1_000_000,  # forms; the API reads and bounds its bodies itself
        SEND_FILE_MAX_AGE_DEFAULT=31_536_000,
        METRICS_TOKEN=settings.metrics_token and settings.metrics_token.get_secret_value(),
        WTF_CSRF_TIME_LIMIT=None,
        WTF_CSRF_SSL_STRICT=False,  # wants a Referer, which our own policy withholds; the guards check the site
    )
    app.request_class = _Request
    app.session_interface = _Cookies()
    assert isinstance(app.json, DefaultJSONProvider)  # noqa: S101 - Flask's own
    app.json.sort_keys = False  # answers read in the order in which they are written
    app.json.ensure_ascii = False
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.extensions["house"] = house = _house(app, settings)
    watch.register(app)  # first, so that it also sees what the guards turn away
    api.register(app, house, CSRFProtect(app))
    pages.register(app)
    sdk.register(app)
    if settings.demo_shop:
        app.register_blueprint(demo_shop.door)
    assets.register(app)
    filters.register(app)
    app.register_error_handler(Exception, _error)
    app.after_request(headers.add)
    app.after_request(htmx.vary)
    app.after_request(hosts.without)
    app.add_url_rule("/healthz", "healthz", _healthz)
    app.add_url_rule("/readyz", "readyz", readiness.answer)
    app.add_url_rule("/metrics", "metrics", metrics.answer)
    app.wsgi_app = TrustedProxies(  # type: ignore[method-assign]
        RequestIds(hosts.only(app.wsgi_app, settings.allowed_hosts)), settings.trusted_proxies, settings.country_header
    )
    return app


def _house(app: Flask, settings: Settings) -> House:
    """The database, held against a restore, and what works on it and watches over it."""
    app.extensions["openid"] = openid.configured(settings, app.config["SECRET_KEY"])
    file, places = settings.database_file, Places(settings.geoip_database)
    app.extensions["database"] = database = Database(settings.url)
    app.extensions["occupancy"] = None if file is None else occupancy.shared(file)  # for as long as the app lives
    app.extensions["import_limits"] = limits = imports.limits(settings)
    works: dict[str, Callable[[Database], bool]] = {
        "converting": converting.go_on,
        "erasing": erasing.go_on,
        "halves": halves.clear,
        "importing": partial(importing.go_on, limits=limits),
        "sweeping": sweeping.go_on,
    }
    app.extensions["background"] = {name: Background(name, database, work) for name, work in works.items()}
    app.extensions["readiness"] = ready = Readiness(database, file)
    app.extensions["metrics"] = counted = Metrics(file)
    ingestion = GroupCommit(database, counted.committed)
    counted.waiting(ingestion.__len__)
    return House(
        database=database,
        ingestion=ingestion,
        places=places,
        country_header=settings.country_header,
        metrics=counted,
        readiness=ready,
        keys=Known(database),
        rates=Rates(),
        strangers=Strangers(),
        inbox=Inbox(database),
        public_url=settings.public_url,
        post=_post(settings),
    )


def _post(settings: Settings) -> Post | None:
    server = settings.mail_server
    if server is None:
        return None
    assert settings.mail_from and settings.public_url  # noqa: S101, PT018 - the settings see to that
    return Post(server, settings.mail_from, settings.public_url)


def _error(error: Exception) -> ResponseReturnValue:
    watch.failed(error)
    readiness.readiness().refused(db.trouble(error))
    return api.error_response(error) if api.is_api(request.path) else pages.error_response(error)


def _healthz() -> Response:
    return Response("ok\n", mimetype="text/plain")
