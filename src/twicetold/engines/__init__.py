"""The engine port: speech in, words out, live or in batch.

A model is shared; the state of an utterance lives in its stream, and what an engine
learns about a channel (``Hypothesis.adaptation``) belongs to its call and channel, is
handed back with each result, and never crosses calls. No verb here blocks the event loop.

Audio is mono PCM s16le at 8,000 or 16,000 Hz; an engine that wants another rate converts.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from twicetold.errors import BadParameter
from twicetold.speech.language import primary_language
from twicetold.speech.transcript import Hypothesis


class Hears(StrEnum):
    """What counts as sound for an engine, and so which activity detector gates it."""

    SPEECH = "speech"
    TONES = "tones"


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What an engine can do, as data."""

    name: str
    model: str
    languages: tuple[str, ...]  # BCP 47 primary tags; ("*",) for any
    live: bool
    batch: bool
    word_times: bool
    # By how much a word may begin earlier or end later than it says: what redacted sound is covered
    # by on both sides, and a little more. 0.3 where nobody has measured it, and nothing tells more.
    time_error_s: float = 0.3
    remote: bool = False
    hears: Hears = Hears.SPEECH
    good_for: str = ""
    rank: int = 0  # how few errors it makes on the whole, to compare with another's: more is fewer
    chosen: bool = False  # whether the model was chosen: it is part of what the engine is called
    vocabulary: bool = False  # whether it can be told words that may come; see Expected
    # Seconds of speech by which it knows what ``auto`` is (Hypothesis.language); 0: it never says.
    language_after_s: float = 0.0
    device: str = "cpu"  # as it was asked for: cpu, cuda, …; auto where that is left to the engine
    # How long chunks of a recording serve it best, in seconds and bytes of PCM; 0: as configured.
    chunk_s: float = 0.0
    chunk_bytes: int = 0
    # Whether the chunks of a channel go one after another, each with the adaptation of the last.
    in_order: bool = False

    @property
    def label(self) -> str:
        """What people see: ``parakeet:parakeet-tdt-0.6b-v3``, ``pocketsphinx``."""
        return f"{self.name}:{self.model}" if self.chosen else self.name

    def spoken(self, wanted: str) -> str:
        """The language to ask the engine for; ``auto`` is settled where it knows one only.

        Raises BadParameter for a language it does not know.
        """
        if wanted == "auto":
            only = len(self.languages) == 1 and self.languages[0] != "*"
            return self.languages[0] if only else wanted
        if "*" in self.languages or primary_language(wanted) in self.languages:
            return wanted
        known = ", ".join(self.languages)
        raise BadParameter(
            f"Engine {self.name} does not know language {wanted}.", f"It knows {known}."
        )


@dataclass(frozen=True, slots=True)
class Expected:
    """What a tenant expects to be said: it goes with each of its sounds and utterances, so that no
    other's is heard by it. Never logged: names of customers may be in it.

    ``terms``: words and phrases, the most important first, for engines that take a
    ``vocabulary``; ``languages``: those that ``auto`` may be (none: all that the engine knows).
    """

    terms: tuple[str, ...] = field(default=(), repr=False)
    languages: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.terms or self.languages)


NOTHING_EXPECTED = Expected()


@dataclass(frozen=True, slots=True)
class Sound:
    """One stretch of mono PCM s16le for the batch verb, and what is expected to be said in it.
    ``adaptation``: where it is one of several of a channel, what the engine learnt of those before
    that it may heed here too."""

    pcm: bytes
    rate: int
    expected: Expected = NOTHING_EXPECTED
    adaptation: str | None = None

    @property
    def seconds(self) -> float:
        return len(self.pcm) / 2 / self.rate


class Stream(Protocol):
    """One utterance in the making."""

    async def accept(self, pcm: bytes) -> Hypothesis:
        """Hear more; returns all that is heard so far of this utterance, unsettled.

        Raises EngineHostDied (start again from the utterance's first sample) or EngineFailed.
        """

    async def finish(self) -> Hypothesis:
        """The last word on the utterance, with the adaptation for the next. The stream is over."""

    async def aclose(self) -> None:
        """Give the stream up; never raises, may be called at any time and twice."""


class StreamingTranscriber(Protocol):
    @property
    def info(self) -> EngineInfo: ...

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        """Begin an utterance. Waits while the engine has no place free."""

    async def aclose(self) -> None: ...


class Transcriber(Protocol):
    @property
    def info(self) -> EngineInfo: ...

    @property
    def parallel(self) -> int:
        """How many calls of ``transcribe`` make good use of the machine at once."""

    @property
    def workers(self) -> int:
        """How many sounds are worked on at the same time, or how many batches of them: what one
        costs is its share of that."""

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        """One hypothesis a sound, in order, none depending on its neighbours.

        Raises EngineFailed or EngineHostDied.
        """

    async def aclose(self) -> None: ...


ActivityState = object


class VoiceActivity(Protocol):
    """How likely each frame of sound is speech; a pure function of a state and audio."""

    frame_s: float
    blocking: bool  # True where a call takes long enough to belong in a thread

    def start(self, rate: int) -> ActivityState:
        """The state at the beginning of a channel. Raises UnsupportedRate."""

    def frame_samples(self, rate: int) -> int:
        """Samples a frame has at that rate."""

    def probabilities(self, state: ActivityState, pcm: bytes) -> tuple[list[float], ActivityState]:
        """One probability per whole frame of ``pcm`` (mono s16le) and the state after them.

        ``pcm`` must hold whole frames. Where ``blocking``, call it in a thread.
        """
