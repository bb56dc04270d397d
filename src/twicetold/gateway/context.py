"""What every resource of the gateway works with, put together by wiring."""

from __future__ import annotations

from dataclasses import dataclass

from obstore.store import LocalStore

from twicetold.broker import Broker
from twicetold.choice.policy import Policy
from twicetold.config import Settings
from twicetold.engines import EngineInfo
from twicetold.enrich.leads import RubricOf
from twicetold.enrich.rules import RulesOf
from twicetold.enrich.wishes import NO_ENRICHMENT, EnrichmentOf
from twicetold.media import Decoder
from twicetold.queue import Queue
from twicetold.sessions import Sessions
from twicetold.tenants import Tenants
from twicetold.transcripts import Transcripts
from twicetold.webhooks import Outbox


@dataclass(frozen=True, slots=True)
class Platform:
    """The carriers, the settings and who may use them. Found at ``app.state.platform``."""

    settings: Settings
    broker: Broker
    sessions: Sessions
    queue: Queue
    transcripts: Transcripts
    store: LocalStore
    decoder: Decoder
    tenants: Tenants
    policy: Policy
    live_engine: EngineInfo
    batch_engine: EngineInfo
    shadow_orders: Queue  # of recordings that shadow engines are to hear
    outbox: Outbox  # of what webhooks tell
    enrichment: EnrichmentOf = lambda tenant: NO_ENRICHMENT  # by tenant
    rules: RulesOf = lambda tenant: None
    rubric: RubricOf = lambda tenant: None  # may read a file
