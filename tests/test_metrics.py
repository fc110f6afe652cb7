"""`/metrics`: what is counted, and who may read it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient
from prometheus_client.parser import text_string_to_metric_families
from werkzeug.test import TestResponse

from tests.installations import get, serving
from tests.world import Shop
from webapp import config, create_app
from webapp.metrics import Metrics

TOKEN = "a token of the shop's Prometheus"


def _samples(text: str) -> dict[tuple[str, ...], float]:
    """Each value by the name of its series and its labels' values, sorted by the labels' names."""
    families = text_string_to_metric_families(text)
    samples = [sample for family in families for sample in family.samples]
    return {(one.name, *(value for _, value in sorted(one.labels.items()))): one.value for one in samples}


def _of(app: Flask) -> dict[tuple[str, ...], float]:
    answer = app.test_client().get("/metrics")
    assert (answer.status_code, answer.content_type) == (200, "text/plain; version=0.0.4; charset=utf-8")
    return _samples(answer.get_data(as_text=True))


@pytest.fixture
def metrics() -> Metrics:
    """The metrics of an app without an embedded database."""
    return Metrics(None)


def test_pages_are_counted_by_rule_and_status(shop: Shop, alice: FlaskClient) -> None:
    shop.customer("u1", email="asha@example.com")
    profile = shop.profile_path("u1")
    for path in (profile, profile, "/customers/nobody", "/customers?q=asha@example.com", "/asha", "/static/app.css"):
        alice.get(path)
    found = _of(shop.app)
    requests = {series[1:]: count for series, count in found.items() if series[0] == "customer_profiles_requests_total"}
    assert requests[("/customers/<growlytics_id>", "200")] == 2
    assert requests[("/customers/<growlytics_id>", "404")] == 1
    assert requests[("/customers", "200")] == 1
    assert requests[("none", "404")] == 1
    assert requests[("/static/<path:filename>", "200")] == 1
    assert found[("customer_profiles_request_seconds_count", "/customers/<growlytics_id>")] == 3
    assert not [series for series in found if "asha" in str(series) or profile in str(series)]


def test_page_that_fails_is_counted(shop: Shop, alice: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("webapp.pages.people.customers", None)
    assert alice.get("/customers").status_code == 500
    assert _of(shop.app)[("customer_profiles_requests_total", "/customers", "500")] == 1


def test_ingestion_is_counted(metrics: Metrics) -> None:
    for status in (200, 200, 422):
        metrics.answered("/track/user", status, 0.004)
    metrics.refused("/track/user", ["any.required", "any.required", "string.max"])
    metrics.committed(3, 5, 0.002)
    metrics.committed(40, 40, 0.2)
    waiting = [7]
    metrics.waiting(lambda: waiting[0])
    found = _samples(metrics.text().decode())
    assert found[("customer_profiles_requests_total", "/track/user", "200")] == 2
    assert found[("customer_profiles_requests_total", "/track/user", "422")] == 1
    assert found[("customer_profiles_request_seconds_bucket", "/track/user", "0.0025")] == 0
    assert found[("customer_profiles_request_seconds_bucket", "/track/user", "0.005")] == 3
    assert found[("customer_profiles_refusals_total", "any.required", "/track/user")] == 2
    assert found[("customer_profiles_refusals_total", "string.max", "/track/user")] == 1
    assert found[("customer_profiles_changes_total",)] == 45
    assert found[("customer_profiles_commit_requests_bucket", "4.0")] == 1
    assert found[("customer_profiles_commit_requests_sum",)] == 43
    assert found[("customer_profiles_commit_seconds_count",)] == 2
    assert found[("customer_profiles_commit_seconds_bucket", "0.1")] == 1
    assert found[("customer_profiles_waiting_requests",)] == 7
    waiting[0] = 0
    assert _samples(metrics.text().decode())[("customer_profiles_waiting_requests",)] == 0


def test_codes_of_faults_can_not_grow_without_end(metrics: Metrics) -> None:
    metrics.refused("/track/user", (f"made.up{number}" for number in range(2_000)))
    series = [one for one in _samples(metrics.text().decode()) if one[0] == "customer_profiles_refusals_total"]
    assert len(series) == 501
    assert _samples(metrics.text().decode())[("customer_profiles_refusals_total", "other", "/track/user")] == 1_500


def test_apps_in_one_process_count_each_for_themselves() -> None:
    one, other = Metrics(None), Metrics(None)
    one.answered("/login", 200, 0.001)
    assert ("customer_profiles_requests_total", "/login", "200") not in _samples(other.text().decode())


def test_sizes_and_process_are_told(shop: Shop) -> None:
    found = _of(shop.app)
    assert found[("process_resident_memory_bytes",)] > 10_000_000
    assert found[("process_start_time_seconds",)] > 1_000_000_000
    assert found[("customer_profiles_info", "0.1.0")] == 1
    sizes = {series[1]: value for series, value in found.items() if series[0] == "customer_profiles_database_bytes"}
    if not shop.database.is_sqlite:
        assert sizes == {}
        return
    file = Path(str(shop.database.engine.url.database))
    assert sizes == {"database": file.stat().st_size, "wal": Path(f"{file}-wal").stat().st_size}


@pytest.fixture
def guarded(tmp_path: Path) -> Iterator[Flask]:
    """An app behind a trusted proxy."""
    yield from _app(tmp_path, trusted_proxies="127.0.0.1, 10.0.0.1")


@pytest.fixture
def with_token(tmp_path: Path) -> Iterator[Flask]:
    """An app with a token for its metrics."""
    yield from _app(tmp_path, metrics_token=TOKEN, trusted_proxies="10.0.0.1")


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Flask]:
    """An app with the default settings."""
    yield from _app(tmp_path)


def _app(folder: Path, **more: str) -> Iterator[Flask]:
    url = f"sqlite:///{folder}/shop.sqlite3"
    app = create_app(config.load(_env_file=None, database_url=url, secret_key="a secret for tests only", **more))
    yield app
    app.extensions["database"].engine.dispose()


def _ask(app: Flask, peer: str, **headers: str) -> TestResponse:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return app.test_client().get("/metrics", headers=named, environ_base={"REMOTE_ADDR": peer})


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])
def test_without_a_token_this_machine_may_read_them(plain: Flask, peer: str) -> None:
    assert _ask(plain, peer).status_code == 200
    assert _ask(plain, peer, Authorization="Bearer whatever").status_code == 200


@pytest.mark.parametrize("peer", ["10.0.0.1", "192.168.1.1", "2001:db8::1", "::ffff:10.0.0.1", "", "unix:"])
def test_without_a_token_others_see_nothing(plain: Flask, peer: str) -> None:
    assert _ask(plain, peer).status_code == 404


@pytest.mark.parametrize("header", ["X_Forwarded_For", "Forwarded", "X_Real_IP", "Via"])
def test_proxy_on_this_machine_that_is_not_trusted_lends_nobody_its_address(plain: Flask, header: str) -> None:
    assert _ask(plain, "127.0.0.1", **{header: "127.0.0.1"}).status_code == 404


def test_behind_a_trusted_proxy_the_client_counts_and_the_proxy(guarded: Flask) -> None:
    assert _ask(guarded, "127.0.0.1", X_Forwarded_For="203.0.113.9").status_code == 404
    assert _ask(guarded, "127.0.0.1", X_Forwarded_For="127.0.0.1, 203.0.113.9").status_code == 404
    assert _ask(guarded, "127.0.0.1", X_Forwarded_For="127.0.0.1").status_code == 200
    assert _ask(guarded, "127.0.0.1").status_code == 200
    assert _ask(guarded, "10.0.0.1", X_Forwarded_For="127.0.0.1").status_code == 404
    assert _ask(guarded, "10.0.0.1").status_code == 404


@pytest.mark.parametrize("peer", ["127.0.0.1", "192.168.1.1"])
def test_with_a_token_everybody_needs_it(with_token: Flask, peer: str) -> None:
    assert _ask(with_token, peer, Authorization=f"Bearer {TOKEN}").status_code == 200
    wrong = ["", TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN} ", f"Bearer {TOKEN[:-1]}", "Bearer", "Bearer \u00e4"]
    for authorization in wrong:
        refused = _ask(with_token, peer, Authorization=authorization)
        assert (refused.status_code, refused.headers["WWW-Authenticate"]) == (401, "Bearer"), authorization
        assert "customer_profiles" not in refused.get_data(as_text=True)
    assert _ask(with_token, peer).status_code == 401
    assert (
        _ask(with_token, "10.0.0.1", X_Forwarded_For="203.0.113.9", Authorization=f"Bearer {TOKEN}").status_code == 200
    )


def test_signed_in_people_are_no_exception(shop: Shop, alice: FlaskClient) -> None:
    assert alice.get("/metrics", environ_base={"REMOTE_ADDR": "192.168.1.1"}).status_code == 404


def test_real_server_tells_them_on_loopback(tmp_path: Path) -> None:
    with serving(tmp_path) as server:
        assert get(f"{server.url}/metrics") == 200
    with serving(tmp_path, METRICS_TOKEN=TOKEN) as server:
        assert get(f"{server.url}/metrics") == 401
