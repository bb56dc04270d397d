"""What windows ask of the model on their way, and how those of many go through it together.

What is done with a window is written for one alone, as a generator: it yields what it asks of the
model next and gets the answer. Those of several windows go on side by side, in rounds: in each, who
is furthest behind is helped on, and what they ask goes through the model at once where it is alike.
So they meet again after one of them took a step more, and what is decoded again meets its like.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar

from twicetold.engines.inlet import Floats
from twicetold.engines.whisper.guards import Attempt

T = TypeVar("T")


class Ask(Protocol):
    """A step through the model. The answer is what the Model's method of that name returns."""

    stage: ClassVar[int]  # how far on a window's way

    @property
    def kind(self) -> Hashable:
        """Equal for those that can be taken at once."""


Steps = Generator[Ask, Any, T]
Take = Callable[[Sequence[Ask]], Sequence[Any]]  # asks of one kind → an answer each, in order


@dataclass(frozen=True, slots=True, eq=False)
class Encode:
    """A window's features [mels, frames of 10 ms] → what the other steps take as ``encoded``."""

    features: Floats

    stage: ClassVar[int] = 0

    @property
    def kind(self) -> Hashable:
        return Encode


@dataclass(frozen=True, slots=True, eq=False)
class Languages:
    """→ how likely each language is, by Whisper's names."""

    encoded: Any

    stage: ClassVar[int] = 1

    @property
    def kind(self) -> Hashable:
        return Languages


@dataclass(frozen=True, slots=True, eq=False)
class Decode:
    """→ a Decoding. The decoder takes prompts of one length at once."""

    encoded: Any
    prompt: list[int]
    language: str
    beam: int
    attempt: Attempt

    stage: ClassVar[int] = 2

    @property
    def kind(self) -> Hashable:
        return (Decode, len(self.prompt), self.beam, self.attempt)


@dataclass(frozen=True, slots=True, eq=False)
class AddWords:
    """→ the segments, each with its ``words``: with times from the sound's begin and probabilities.
    ``last_end_s``: of the words before the window."""

    segments: list[dict[str, Any]]
    language: str
    encoded: Any
    frames: int
    last_end_s: float

    stage: ClassVar[int] = 3

    @property
    def kind(self) -> Hashable:
        return (AddWords, self.language)


def asked(ask: Ask) -> Steps[Any]:
    """A step by itself."""
    return (yield ask)


def go_together(many: Sequence[Steps[T]], take: Take, most: int) -> list[T | Exception]:
    """What each comes to; of one that fails the error, which is no other's. ``most``: so many are
    taken at once."""
    runs = [_Run(steps) for steps in many]
    while going := [run for run in runs if run.ask is not None]:
        for alike in _alike(going, most):
            answers = _answers([ask for run in alike if (ask := run.ask)], take)
            for run, answer in zip(alike, answers, strict=True):
                run.go_on(answer)
    return [run.result for run in runs]


class _Run(Generic[T]):
    """One of those that go side by side. ``ask``: what it waits for; None: it is over."""

    result: T | Exception

    def __init__(self, steps: Steps[T]) -> None:
        self._steps = steps
        self.ask: Ask | None = None
        self.go_on(None)

    def go_on(self, answer: Any) -> None:
        """With the answer to what it asked, or with the error that it met."""
        self.ask = None
        try:
            if isinstance(answer, Exception):
                self.ask = self._steps.throw(answer)
            else:
                self.ask = self._steps.send(answer)
        except StopIteration as end:
            self.result = end.value
        except Exception as error:  # noqa: BLE001 - the others go on
            self.result = error


def _alike(going: Sequence[_Run[T]], most: int) -> Iterator[list[_Run[T]]]:
    """Of those furthest behind such as can be taken at once, ``most`` at most; who came first is
    taken first."""
    kinds: dict[Hashable, list[_Run[T]]] = {}
    stage = min(ask.stage for run in going if (ask := run.ask))
    for run in going:
        if (ask := run.ask) and ask.stage == stage:
            kinds.setdefault(ask.kind, []).append(run)
    for alike in kinds.values():
        for begin in range(0, len(alike), most):
            yield alike[begin : begin + most]


def _answers(asks: Sequence[Ask], take: Take) -> Sequence[Any]:
    """Where those that are taken at once fail, each is tried by itself: it was one of them, or too
    many for the device's memory."""
    try:
        return take(asks)
    except Exception as error:  # noqa: BLE001 - it is told to whom it belongs
        if len(asks) == 1:
            return [error]
        return [answer for ask in asks for answer in _answers([ask], take)]
