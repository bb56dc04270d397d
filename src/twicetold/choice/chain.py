"""The engines of one call or job, in order: the first that is fit, then those that step in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

from twicetold.choice.health import Health
from twicetold.engines import EngineInfo
from twicetold.errors import EngineFailed, TwicetoldError

TRIES = 2  # of one engine at one utterance, while there is another


class Informed(Protocol):
    @property
    def info(self) -> EngineInfo: ...


T = TypeVar("T", bound=Informed)


@dataclass(frozen=True, slots=True, eq=False)
class Member(Generic[T]):
    """An engine that is open, and its health, which all that use it share."""

    engine: T
    health: Health = field(default_factory=Health)

    @property
    def label(self) -> str:
        return self.engine.info.label


class Chain(Generic[T]):
    """``members`` is asked at each pick: what is allowed may change in the middle of a call."""

    def __init__(self, members: Callable[[], Sequence[Member[T]]]) -> None:
        self._members = members

    @classmethod
    def of(cls, *engines: T) -> Chain[T]:
        """These engines, whoever asks."""
        members = [Member(engine) for engine in engines]
        return cls(lambda: members)

    def pick(self, attempt: int = 1) -> Member[T]:
        """The engine for that attempt (from 1 on) at an utterance.

        Raises EngineFailed where there is none, or what ``members`` raises.
        """
        members = self._members()
        if not members:
            raise EngineFailed("No engine is open that this call may have.")
        passed_over, chosen = (attempt - 1) // TRIES, None
        for member in members:
            if not member.health.fit():
                continue
            chosen = member
            if passed_over == 0:
                return member
            passed_over -= 1
        return chosen or members[0]

    @property
    def first(self) -> Member[T]:
        """The one that is wanted most, fit or not. Raises EngineFailed where there is none."""
        members = self._members()
        if not members:
            raise EngineFailed("No engine is open that this call may have.")
        return members[0]

    def is_first(self, member: Member[T]) -> bool:
        """Whether it is the one that is wanted most, and no stand-in."""
        return self.first is member

    def after(self, member: Member[T]) -> Member[T] | None:
        """Who stands in for it: the next that is fit; None where nobody is left."""
        members = list(self._members())
        behind = members[members.index(member) + 1 :] if member in members else []
        return next((other for other in behind if other.health.fit()), None)

    def attempts(self, least: int) -> int:
        """How many attempts an utterance gets: ``least``, and enough for each engine."""
        try:
            return max(least, TRIES * len(self._members()))
        except TwicetoldError:  # whoever picks one is told
            return least
