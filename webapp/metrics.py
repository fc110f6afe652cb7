"""What the server counts, in the text format of Prometheus. The counts are those of one process since its start."""

import hmac
from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import version
from ipaddress import ip_address
from pathlib import Path

from flask import Response, abort, current_app, request
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    Info,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

NO_ROUTE = "none"  # the endpoint of requests that no route takes

_OTHER = "other"
_MOST_CODES = 500  # of faults by endpoint; no mistake of ours may let series grow without end
# Seconds: a commit synced to a fast disk takes a millisecond, a page some, who waits for a lock seconds.
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_REQUESTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512)

# What a proxy adds to the requests that it passes on.
_FORWARDED = ("HTTP_X_FORWARDED_FOR", "HTTP_FORWARDED", "HTTP_X_REAL_IP", "HTTP_VIA")

disable_created_metrics()  # type: ignore[no-untyped-call] # else each series has a second one with the time of its first use


class Metrics:
    """The counters of one app. The methods cost about a microsecond each, and any thread may call them.

    `database_file`: of the embedded database, whose size is told; None on PostgreSQL.
    """

    def __init__(self, database_file: Path | None) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter("requests", "Requests answered.", "endpoint", "status")
        self._refusals = self._counter("refusals", "Faults told to clients, by their type.", "endpoint", "code")
        self._changes = self._counter("changes", "Changes that ingestion has committed.")
        self._latency = self._histogram("request_seconds", "From request to answer.", _SECONDS, "endpoint")
        self._commit_seconds = self._histogram("commit_seconds", "Ingestion's transactions, commit included.", _SECONDS)
        self._commit_requests = self._histogram("commit_requests", "Requests that share a commit.", _REQUESTS)
        self._waiting = Gauge(
            "customer_profiles_waiting_requests", "Requests that wait for their commit.", registry=self.registry
        )
        product = Info("customer_profiles", "The product.", registry=self.registry)
        product.info({"version": version("customer-profiles")})
        ProcessCollector(registry=self.registry)
        if database_file is not None:
            self.registry.register(_Sizes(database_file))
        # Looking up a series by its labels costs the library more than counting does.
        self._answers: dict[tuple[str, int], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._codes: dict[tuple[str, str], Callable[[], None]] = {}

    def answered(self, endpoint: str, status: int, seconds: float) -> None:
        """Count an answered request. `endpoint`: the rule of its route, never its path."""
        series = self._answers.get((endpoint, status))
        if series is None:
            series = self._requests.labels(endpoint, str(status)).inc, self._latency.labels(endpoint).observe
            self._answers[endpoint, status] = series
        count, observe = series
        count()
        observe(seconds)

    def refused(self, endpoint: str, codes: Iterable[str]) -> None:
        """Count the faults that a request was refused for, by their `type`."""
        for code in codes:
            count = self._codes.get((endpoint, code))
            if count is None:
                known = code if len(self._codes) < _MOST_CODES else _OTHER
                count = self._refusals.labels(endpoint, known).inc
                if known is code:
                    self._codes[endpoint, code] = count
            count()

    def committed(self, requests: int, changes: int, seconds: float) -> None:
        """Count a commit of ingestion: how many requests shared it, with how many changes, how long it took."""
        self._commit_requests.observe(requests)
        self._commit_seconds.observe(seconds)
        self._changes.inc(changes)

    def waiting(self, count: Callable[[], float]) -> None:
        """Let the queue be asked, whenever the metrics are, how many requests wait in it now."""
        self._waiting.set_function(count)

    def text(self) -> bytes:
        """Everything, as Prometheus reads it."""
        return generate_latest(self.registry)

    def _counter(self, name: str, words: str, *labels: str) -> Counter:
        return Counter(f"customer_profiles_{name}", words, labels, registry=self.registry)

    def _histogram(self, name: str, words: str, buckets: tuple[float, ...], *labels: str) -> Histogram:
        return Histogram(f"customer_profiles_{name}", words, labels, buckets=buckets, registry=self.registry)


class _Sizes(Collector):
    """The bytes of the embedded database and of its write-ahead log."""

    def __init__(self, file: Path) -> None:
        self._files = {"database": file, "wal": Path(f"{file}-wal")}

    def collect(self) -> Iterator[Metric]:
        sizes = GaugeMetricFamily("customer_profiles_database_bytes", "Of the embedded database.", labels=["file"])
        for kind, file in self._files.items():
            sizes.add_metric([kind], file.stat().st_size if file.exists() else 0)
        yield sizes


def metrics() -> Metrics:
    """The metrics of the current app."""
    found: Metrics = current_app.extensions["metrics"]
    return found


def answer() -> Response:
    """The metrics: to who carries METRICS_TOKEN or, while there is none, to who asks on this machine."""
    token: str | None = current_app.config["METRICS_TOKEN"]
    if token is None and not _is_local():
        abort(404)
    if token is not None and not hmac.compare_digest(_authorization(), f"Bearer {token}".encode()):
        return Response("a token is needed\n", 401, {"WWW-Authenticate": "Bearer"}, mimetype="text/plain")
    return Response(metrics().text(), content_type=CONTENT_TYPE_PLAIN_0_0_4)


def _authorization() -> bytes:
    return request.headers.get("Authorization", "").encode("utf-8", "surrogateescape")


def _is_local() -> bool:
    """Whether who asks is on this machine: the peer itself, and who a trusted proxy asks for."""
    proxied = request.environ.get("werkzeug.proxy_fix.orig")
    if proxied is None:  # a proxy on this machine that isn't trusted would lend its address to everybody
        return _is_loopback(request.remote_addr) and not any(name in request.environ for name in _FORWARDED)
    return _is_loopback(request.remote_addr) and _is_loopback(proxied["REMOTE_ADDR"])


def _is_loopback(address: str | None) -> bool:
    try:
        found = ip_address(address or "")
    except ValueError:
        return False
    return (getattr(found, "ipv4_mapped", None) or found).is_loopback
