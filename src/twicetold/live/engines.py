"""Who hears the live calls, as the pass is given it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from twicetold.choice.chain import Chain
from twicetold.engines import NOTHING_EXPECTED, Expected, StreamingTranscriber, Transcriber


@dataclass(frozen=True, slots=True)
class Engines:
    """Who hears one call: ``streaming`` as it is spoken; ``again``, where there is one, each
    utterance whole for its final, within ``again_within_s``. ``expected`` is asked for each
    utterance: what its tenant expects to be said."""

    streaming: Chain[StreamingTranscriber]
    again: Chain[Transcriber] | None = None
    again_within_s: float = 30.0
    expected: Callable[[], Expected] = lambda: NOTHING_EXPECTED


async def _nothing_to_learn(tenant: str) -> None:
    """Where there is no policy that reads files."""


@dataclass(frozen=True, slots=True)
class LiveEngines:
    """``of`` gives those of a call by its tenant and language; ``label`` names the one that most
    calls have, for a draft in which no final says whose it is; ``learn``, before a tenant's call,
    reads what it takes to choose among them."""

    label: str
    of: Callable[[str, str], Engines]
    learn: Callable[[str], Awaitable[None]] = _nothing_to_learn

    @classmethod
    def alone(cls, engine: StreamingTranscriber) -> LiveEngines:
        """One engine for all."""
        engines = Engines(Chain.of(engine))
        return cls(engine.info.label, lambda tenant, language: engines)
