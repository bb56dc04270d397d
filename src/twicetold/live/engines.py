"""Who hears the live calls, as the pass is given it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from twicetold.choice.chain import Chain
from twicetold.engines import StreamingTranscriber, Transcriber


@dataclass(frozen=True, slots=True)
class Engines:
    """Who hears one call: ``streaming`` as it is spoken; ``again``, where there is one, each
    utterance whole for its final, within ``again_within_s``."""

    streaming: Chain[StreamingTranscriber]
    again: Chain[Transcriber] | None = None
    again_within_s: float = 30.0


@dataclass(frozen=True, slots=True)
class LiveEngines:
    """``of`` gives those of a call by its tenant and language; ``label`` names the one that most
    calls have, for a draft in which no final says whose it is."""

    label: str
    of: Callable[[str, str], Engines]

    @classmethod
    def alone(cls, engine: StreamingTranscriber) -> LiveEngines:
        """One engine for all."""
        engines = Engines(Chain.of(engine))
        return cls(engine.info.label, lambda tenant, language: engines)
