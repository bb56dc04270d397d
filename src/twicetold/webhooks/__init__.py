"""The webhook port: a tenant's endpoints, and a durable outbox of what they are to be told.

An event goes to each of its tenant's endpoints that wants its type: at least once, under one id,
for three days. Events never hold what was said.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Protocol

from twicetold.speech.identity import CallKey

COMPLETED, FAILED, ALERT = "call.completed", "call.failed", "alert.matched"
TYPES = (COMPLETED, FAILED, ALERT)
TEST = "webhook.test"

MOST_ENDPOINTS = 20  # of a tenant
MOST_PENDING = 10_000  # of an endpoint
LARGEST_BODY_BYTES = 64 * 1024


class EndpointState(StrEnum):
    ENABLED = "enabled"
    DISABLED = "disabled"  # it failed for too long, or said that it is gone


class DeliveryState(StrEnum):
    PENDING = "pending"
    DELIVERED = "delivered"
    FAILED = "failed"  # given up; ``retry`` brings it back


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where events go. ``failing_since`` (Unix seconds) is when it last began to fail, ``dropped``
    how many events were never queued for it, as it was disabled or too many waited. Until
    ``former_until`` the secret before signs as well."""

    id: str
    tenant: str
    url: str
    types: tuple[str, ...]
    created_at: float
    secret: str = field(default="", repr=False)  # whsec_…
    state: EndpointState = EndpointState.ENABLED
    reason: str = ""
    failing_since: float | None = None
    dropped: int = 0
    pending: int = 0
    former_secret: str = field(default="", repr=False)
    former_until: float | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a call. ``at`` is Unix seconds."""

    id: str
    tenant: str
    type: str
    at: float
    call_id: str
    data: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self) -> bytes:
        """The body that is sent: JSON, each time the same."""
        told = {
            "id": self.id,
            "type": self.type,
            "timestamp": datetime.fromtimestamp(self.at, UTC).isoformat(timespec="milliseconds"),
            "tenant": self.tenant,
            "call_id": self.call_id,
            "data": self.data,
        }
        return json.dumps(told, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class Delivery:
    """One event on its way to one endpoint. ``status`` is the last HTTP answer, ``error`` says
    why the last attempt failed; moments are Unix seconds."""

    id: str
    endpoint: str
    event: Event
    state: DeliveryState
    attempts: int
    created_at: float
    begun_at: float  # its first attempt's moment, or that of the last retry by hand
    next_attempt_at: float | None = None
    ended_at: float | None = None
    status: int | None = None
    error: str = ""


@dataclass(frozen=True, slots=True)
class DeliveryPage:
    """Deliveries, newest first; ``cursor`` asks for the next page, None on the last."""

    deliveries: Sequence[Delivery]
    cursor: str | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one request. ``status``: what the endpoint answered, if it did. ``error``: ""
    where it took the event."""

    status: int | None = None
    error: str = ""


# To a URL, a body and its headers; never raises for what is wrong with the endpoint.
Post = Callable[[str, bytes, Mapping[str, str]], Awaitable[Outcome]]


class Due(Protocol):
    """A delivery that was claimed, and is free again if nothing is said of it for a while. Its
    verbs do nothing once another has claimed it."""

    @property
    def delivery(self) -> Delivery: ...

    @property
    def endpoint(self) -> Endpoint: ...

    async def delivered(self, status: int) -> None:
        """The endpoint has it, and counts as well."""

    async def failed(
        self, error: str, status: int | None, again_at: float | None, disable: str = ""
    ) -> None:
        """Try again then; None gives it up. ``disable``: why the endpoint is to be left alone; all
        that waits for it is then given up too."""

    async def give_back(self) -> None:
        """The sender stops: this attempt does not count."""


class Outbox(Protocol):
    """Events are kept for 30 days after their last delivery has ended."""

    async def add(self, tenant: str, url: str, types: Sequence[str]) -> Endpoint:
        """A new endpoint, with a new secret. Raises Conflict where the tenant has too many."""

    async def endpoints(self, tenant: str | None = None) -> list[Endpoint]:
        """By tenant and age, with how much waits for each."""

    async def rotate(self, tenant: str, endpoint: str, keep_s: float) -> Endpoint:
        """Give it a new secret; the one of now signs as well for ``keep_s`` more, and none before
        it. Raises WebhookNotFound."""

    async def remove(self, tenant: str, endpoint: str) -> None:
        """With all its deliveries. Raises WebhookNotFound."""

    async def emit(
        self, tenant: str, type: str, call_id: str, data: Mapping[str, Any], event_id: str
    ) -> None:
        """Queue an event for the tenant's endpoints that want it. An id that was emitted before
        is the same event (idempotent); what an endpoint cannot take is counted as dropped."""

    async def claim(self) -> Due:
        """The next delivery whose time has come; waits until there is one. No endpoint and no
        tenant has more than a few claimed at once, so that none waits for another's."""

    async def deliveries(
        self,
        tenant: str | None = None,
        endpoint: str | None = None,
        state: DeliveryState | None = None,
        limit: int = 50,
        cursor: str | None = None,
    ) -> DeliveryPage:
        """Raises BadParameter for a cursor that is not one of ours."""

    async def retry(self, tenant: str, name: str) -> int:
        """Try deliveries that were given up, or wait, at once: one by its id, or all of an
        endpoint, which is enabled again. Returns how many. Raises WebhookNotFound."""

    async def disable(self, tenant: str, reason: str) -> int:
        """All endpoints of a tenant: what waits for them is given up. Returns how many."""

    async def forget(self, key: CallKey) -> None:
        """The call is deleted: no more of it is told."""

    async def prune(self) -> None:
        """Remove what has been over for 30 days."""

    async def aclose(self) -> None: ...


class Announcer(Protocol):
    """Told how calls end; may be told twice."""

    async def done(self, key: CallKey, name: str) -> None:
        """A canonical transcript stands; ``name`` is another for another transcript."""

    async def failed(self, key: CallKey, name: str, code: str, error: str, hint: str) -> None:
        """The batch pass gave the call up; ``name`` as above."""


class _Nobody:
    async def done(self, key: CallKey, name: str) -> None: ...

    async def failed(self, key: CallKey, name: str, code: str, error: str, hint: str) -> None: ...


NOBODY: Announcer = _Nobody()


def event_id(*parts: str) -> str:
    """The same for the same happening, whoever tells of it and however often."""
    return "evt_" + hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:32]
