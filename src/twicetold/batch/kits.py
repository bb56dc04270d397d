"""What works on recordings: for each engine its tools and places, and whose turn it is."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from twicetold.batch.pipeline import Tools
from twicetold.batch.places import EnginePlaces
from twicetold.choice.chain import Chain
from twicetold.choice.health import Health
from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected


@dataclass(frozen=True, slots=True)
class Kit:
    """One engine's tools, and its places, which all jobs share."""

    tools: Tools
    places: EnginePlaces

    @classmethod
    def of(cls, tools: Tools) -> Kit:
        return cls(tools, EnginePlaces(tools.engine))

    @property
    def info(self) -> EngineInfo:
        return self.tools.engine.info


async def _nothing_to_learn(tenant: str) -> None:
    """Where there is no policy that reads files."""


@dataclass(frozen=True, slots=True)
class BatchEngines:
    """``of`` gives a job's engines by its tenant and language; ``rank`` how good the engine of a
    label is, to compare with another; ``parallel`` how many sounds make use of the machine;
    ``expected`` what a tenant expects to be said; ``learn``, before a tenant's job, reads what it
    takes to choose among its engines."""

    parallel: int
    of: Callable[[str, str], Chain[Kit]]
    rank: Callable[[str], int]
    healths: Mapping[str, Health] = field(default_factory=dict)  # by the engines' labels
    expected: Callable[[str], Expected] = lambda tenant: NOTHING_EXPECTED
    learn: Callable[[str], Awaitable[None]] = _nothing_to_learn
    # What their guards did by reason, by the engines' labels; it is counted on.
    guarded: Mapping[str, Mapping[str, int]] = field(default_factory=dict)

    @classmethod
    def alone(cls, tools: Tools) -> BatchEngines:
        """One engine for all."""
        chain = Chain.of(Kit.of(tools))
        return cls(tools.engine.parallel, lambda tenant, language: chain, lambda label: 0)
