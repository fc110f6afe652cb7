"""What one app consists of, beside its doors."""

from dataclasses import dataclass

from webapp.db import Database
from webapp.inbox import Inbox
from webapp.ingest.group import GroupCommit
from webapp.keys import Known
from webapp.mail import Post
from webapp.metrics import Metrics
from webapp.origins import Strangers
from webapp.places import Places
from webapp.rates import Rates
from webapp.readiness import Readiness


@dataclass(slots=True)
class House:
    """What stands behind both doors."""

    database: Database
    ingestion: GroupCommit
    places: Places
    country_header: str | None
    metrics: Metrics
    readiness: Readiness
    keys: Known
    rates: Rates
    strangers: Strangers
    inbox: Inbox
    public_url: str | None
    post: Post | None
