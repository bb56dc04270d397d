"""Requests of several calls answered by one pass through the model, inside a host.

Continuous batching: whatever has arrived when the model is free goes through it at once, up to
what the engine takes; nobody waits for a batch to fill. Requests are taken in the order in which
they came, one of a stream at a time, so that none holds up the others for longer than a turn.
What a pass through the model takes is shared out among those that went through it.
"""

from __future__ import annotations

import contextlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, TypeGuard

from twicetold.engines import Sound
from twicetold.engines.hosted import (
    HostedEngine,
    HostedStream,
    Kind,
    Message,
    started,
    unpack_sound,
    unpack_start,
)
from twicetold.speech.transcript import Hypothesis

Answer = Hypothesis | Exception


class JointStream(HostedStream, Protocol):
    """An utterance whose engine decodes several at once."""

    @property
    def heard(self) -> Hypothesis:
        """All that was decoded so far."""

    def hear(self, pcm: bytes) -> bool:
        """Take sound in; True where it is to be decoded now."""

    def end(self) -> bool:
        """No more sound comes; True where there is some left to decode."""


class JointEngine(HostedEngine, Protocol):
    """Decodes up to ``together`` utterances at once, none depending on its neighbours."""

    together: int

    def decode(self, streams: Sequence[JointStream]) -> None:
        """Bring ``heard`` of each up to date."""

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        """Sounds with their languages; one hypothesis each, in order."""


def is_joint(engine: HostedEngine) -> TypeGuard[JointEngine]:
    return hasattr(engine, "transcribe_all") and hasattr(engine, "decode")


@dataclass(slots=True)
class _Due:
    """What is to go through the model."""

    streams: dict[int, JointStream] = field(default_factory=dict)
    sounds: dict[int, tuple[Sound, str]] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)  # streams whose last word it is
    compute_s: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))


class Together:
    """Answers the requests of an engine that decodes several at once."""

    def __init__(self, engine: JointEngine) -> None:
        self._engine = engine
        self._streams: dict[int, JointStream] = {}

    def answer(self, requests: Sequence[Message]) -> dict[int, Answer]:
        """To each stream's one request its answer; what is wrong with one stays its own."""
        due, answers = _Due(), dict[int, Answer]()
        for request in requests:
            answer: Answer | None
            began = time.perf_counter()
            try:
                answer = self._take(request, due)
            except Exception as error:  # noqa: BLE001 - whatever an engine raises ends its stream alone
                answer = error
            due.compute_s[request.stream] += time.perf_counter() - began
            if answer is not None:
                answers[request.stream] = answer
        with _shared(due.compute_s, dict.fromkeys(due.streams, 1.0)):
            answers |= self._decoded(due.streams)
        # Sounds may differ a hundredfold in length, and what they take with it.
        with _shared(due.compute_s, {n: sound.seconds for n, (sound, _) in due.sounds.items()}):
            answers |= self._transcribed(due.sounds)
        return {number: self._told(number, answer, due) for number, answer in answers.items()}

    def close(self, number: int) -> None:
        stream = self._streams.pop(number, None)
        if stream is not None:
            stream.close()

    def _told(self, number: int, answer: Answer, due: _Due) -> Answer:
        if isinstance(answer, Exception) or number in due.over:
            self.close(number)
        if isinstance(answer, Exception):
            return answer
        return replace(answer, compute_s=due.compute_s[number])

    def _take(self, request: Message, due: _Due) -> Hypothesis | None:
        """The answer to a request that needs no model; else it is noted as due."""
        kind, number, body = request
        if kind == Kind.TRANSCRIBE:
            due.sounds[number] = unpack_sound(body)
            return None
        if kind == Kind.START:
            self._streams[number] = started(self._engine, *unpack_start(body))  # type: ignore[assignment]
            return Hypothesis()
        stream = self._streams[number]
        if kind == Kind.ACCEPT:
            is_due = stream.hear(body)
        elif kind == Kind.FINISH:
            is_due = stream.end()
            due.over.add(number)
        else:
            raise ValueError(f"expected a request but got a message of kind {kind}")
        if is_due:
            due.streams[number] = stream
            return None
        return stream.heard

    def _decoded(self, streams: dict[int, JointStream]) -> dict[int, Answer]:
        try:
            if streams:
                self._engine.decode(list(streams.values()))
        except Exception as error:  # noqa: BLE001 - of one of them: each by itself
            if len(streams) == 1:
                return dict.fromkeys(streams, error)
            return _joined(self._decoded({number: each}) for number, each in streams.items())
        return {number: stream.heard for number, stream in streams.items()}

    def _transcribed(self, sounds: dict[int, tuple[Sound, str]]) -> dict[int, Answer]:
        try:
            heard = self._engine.transcribe_all(list(sounds.values())) if sounds else []
        except Exception as error:  # noqa: BLE001 - as with ``_decoded``
            if len(sounds) == 1:
                return dict.fromkeys(sounds, error)
            return _joined(self._transcribed({number: each}) for number, each in sounds.items())
        return dict(zip(sounds, heard, strict=True))


@contextlib.contextmanager
def _shared(compute_s: dict[int, float], weights: Mapping[int, float]) -> Iterator[None]:
    """Give each its share, by weight, of the time that passes meanwhile."""
    began = time.perf_counter()
    yield
    whole_s, weight = time.perf_counter() - began, sum(weights.values())
    for number, its in weights.items():
        compute_s[number] += whole_s * (its / weight if weight else 1 / len(weights))


def _joined(answers: Iterable[dict[int, Answer]]) -> dict[int, Answer]:
    return {number: answer for some in answers for number, answer in some.items()}
