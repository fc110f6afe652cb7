"""The tables. Times are UTC epoch milliseconds; a customer's tables carry the customer first in their primary key."""

from webapp.models.counts import Counting, DailyCount, RefusedHour, RefusedPayload, RefusedReason
from webapp.models.dictionary import AttributeType, DictionaryEntry, PinnedAttribute, TypeChange
from webapp.models.erasures import ErasedIdentifier, Erasure
from webapp.models.facts import (
    Arrived,
    AttributeValue,
    BrowserMessage,
    Event,
    EventCount,
    IdempotencyKey,
    IgnoredValue,
    Tally,
)
from webapp.models.imports import Import, ImportChunk, ImportFailure
from webapp.models.people import IS_ANONYMOUS, Customer, Device, DeviceLogin, KeptVisit, Merge, SearchTerm, Visit
from webapp.models.users import (
    ROLES,
    AuditEntry,
    Invitation,
    LinkedAccount,
    Login,
    Membership,
    RecoveryCode,
    Reset,
    SecondFactor,
    Throttle,
    User,
)
from webapp.models.views import Note, Segment, Tag
from webapp.models.workspaces import ApiKey, Sweep, Workspace

__all__ = [
    "IS_ANONYMOUS",
    "ROLES",
    "ApiKey",
    "Arrived",
    "AttributeType",
    "AttributeValue",
    "AuditEntry",
    "BrowserMessage",
    "Counting",
    "Customer",
    "DailyCount",
    "Device",
    "DeviceLogin",
    "DictionaryEntry",
    "ErasedIdentifier",
    "Erasure",
    "Event",
    "EventCount",
    "IdempotencyKey",
    "IgnoredValue",
    "Import",
    "ImportChunk",
    "ImportFailure",
    "Invitation",
    "KeptVisit",
    "LinkedAccount",
    "Login",
    "Membership",
    "Merge",
    "Note",
    "PinnedAttribute",
    "RecoveryCode",
    "RefusedHour",
    "RefusedPayload",
    "RefusedReason",
    "Reset",
    "SearchTerm",
    "SecondFactor",
    "Segment",
    "Sweep",
    "Tag",
    "Tally",
    "Throttle",
    "TypeChange",
    "User",
    "Visit",
    "Workspace",
]
