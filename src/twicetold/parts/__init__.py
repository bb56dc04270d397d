"""Single parts for commands that need no server: the light half of the composition root.

``wiring`` brings the whole server with it, which takes a second to import; a command that
plays a file does not wait for that. These two alone know adapters.
"""

from twicetold.engines.models.cache import Cache
from twicetold.engines.models.catalogue import Model, model_named
from twicetold.engines.registry import engine_info, open_activity, open_batch, open_live
from twicetold.parts.carriers import (
    kafka_broker,
    places_of,
    rabbit_broker,
    refuse_missing_extras,
    try_broker,
    try_sessions,
)
from twicetold.parts.engines import (
    EngineHere,
    engines_here,
    engines_wanted,
    live_devices,
    model_cache,
    models_here,
    open_decoder,
    open_live_engines,
    pull_model,
    refuse_unknown_engines,
    refuse_unknown_shadow,
    remotes_of,
    takes_vocabulary,
)
from twicetold.parts.kept import (
    ShadowsKept,
    queued_jobs,
    shadows_kept,
    silence_webhooks,
    try_webhook,
    usage_kept,
    webhooks_kept,
)
from twicetold.parts.wanted import enrichment_by, enrichment_of, policy_of, prices_of, wishes_of

__all__ = [
    "Cache",
    "EngineHere",
    "Model",
    "ShadowsKept",
    "engine_info",
    "engines_here",
    "engines_wanted",
    "enrichment_by",
    "enrichment_of",
    "kafka_broker",
    "live_devices",
    "model_cache",
    "model_named",
    "models_here",
    "open_activity",
    "open_batch",
    "open_decoder",
    "open_live",
    "open_live_engines",
    "places_of",
    "policy_of",
    "prices_of",
    "pull_model",
    "queued_jobs",
    "rabbit_broker",
    "refuse_missing_extras",
    "refuse_unknown_engines",
    "refuse_unknown_shadow",
    "remotes_of",
    "shadows_kept",
    "silence_webhooks",
    "takes_vocabulary",
    "try_broker",
    "try_sessions",
    "try_webhook",
    "usage_kept",
    "webhooks_kept",
    "wishes_of",
]
