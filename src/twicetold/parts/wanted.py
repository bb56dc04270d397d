"""What the settings, and tenants, want made of calls, and what that costs."""

from __future__ import annotations

from functools import partial

from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Wishes
from twicetold.config import Settings
from twicetold.engines.registry import ENGINES, engine_info
from twicetold.enrich.wishes import ENRICHMENT_NAMES, Enrichment, EnrichmentOf, checked_enrichment
from twicetold.errors import SettingError
from twicetold.tenants import Tenants
from twicetold.transcripts.prices import SHAPE, Prices
from twicetold.transcripts.usage import ENRICHMENT, LANGUAGE_MODEL


def wishes_of(settings: Settings) -> Wishes:
    """What the server wants of engines."""
    return Wishes(
        settings.live_engine,
        settings.live_final_engine,
        settings.batch_engine,
        settings.allow_remote,
        shadow_engine=settings.shadow_engine,
        shadow_live_engine=settings.shadow_live_engine,
        shadow_share=str(settings.shadow_share),
    )


def policy_of(settings: Settings, tenants: Tenants) -> Policy:
    """Who may have which engine."""
    info_of = partial(engine_info, models_dir=settings.models_path)
    return Policy(wishes_of(settings), tenants.wishes, info_of)


def enrichment_of(settings: Settings) -> Enrichment:
    """What the server makes of calls. Raises SettingError."""
    told = {name: getattr(settings, name) for name in ENRICHMENT_NAMES}
    return checked_enrichment(
        {name: str(value) for name, value in told.items() if value is not None}, "the settings"
    )


def enrichment_by(settings: Settings, tenants: Tenants) -> EnrichmentOf:
    """What is made of a tenant's calls, by its name, as it stands at that moment."""
    of_server = enrichment_of(settings)
    return lambda tenant: tenants.enrichment(tenant).over(of_server)


def prices_of(settings: Settings) -> Prices:
    """What engines, enrichment and language models cost. Raises SettingError for a table with a
    mistake, an engine that there is not, or a price that could never count."""
    prices, known = Prices.parse(settings.prices or ""), (*ENGINES, ENRICHMENT, LANGUAGE_MODEL)
    for name in prices.engines:
        if name not in known:
            raise SettingError(
                f"prices names engine {name!r}; there are {', '.join(known)}.",
                f"It takes {SHAPE}.",
            )
    return prices
