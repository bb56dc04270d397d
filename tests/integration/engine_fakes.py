"""Fake engines for the host tests: each misbehaves in one way. Hosts import them by name."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path

from twicetold.engines import NOTHING_EXPECTED, EngineInfo, Expected, Sound
from twicetold.errors import EngineFailed
from twicetold.speech.transcript import Hypothesis, Word

FAKE_INFO = EngineInfo("fake", "fake", ("*",), live=True, batch=True, word_times=True)

RAISE, HANG, DIE = b"\x01\x00", b"\x02\x00", b"\x03\x00"


class FakeEngine:
    """Counts bytes; misbehaves where the audio begins with one of the samples above.

    ``slice_s`` is the time it takes over each slice of audio.
    """

    info = FAKE_INFO

    def __init__(self, slice_s: float = 0.0) -> None:
        self.slice_s = slice_s

    def start(self, rate: int, language: str, adaptation: str | None) -> FakeStream:
        return FakeStream(self.slice_s)

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        return self.start(sound.rate, language, None).accept(sound.pcm)


class FakeStream:
    def __init__(self, slice_s: float) -> None:
        self._slice_s = slice_s
        self._bytes = 0

    def accept(self, pcm: bytes) -> Hypothesis:
        if pcm.startswith(RAISE):
            raise KeyError("a secret word")
        if pcm.startswith(HANG):
            time.sleep(3600)
        if pcm.startswith(DIE):
            os._exit(9)
        time.sleep(self._slice_s)
        self._bytes += len(pcm)
        return Hypothesis((Word(0.0, 1.0, str(self._bytes)),), str(os.getpid()))

    def finish(self) -> Hypothesis:
        return Hypothesis((), f"{os.getpid()} {os.nice(0)}")

    def close(self) -> None:
        pass


class JointFake:
    """Hears several at once, and says of each in what company; misbehaves as ``FakeEngine``."""

    info = FAKE_INFO
    together = 4

    def start(self, rate: int, language: str, adaptation: str | None) -> JointFakeStream:
        return JointFakeStream(self)

    def decode(self, streams: Sequence[JointFakeStream]) -> None:
        time.sleep(0.1)  # for more to come meanwhile
        for stream in streams:
            _misbehave(stream.pcm)
        for stream in streams:
            stream.heard = Hypothesis((Word(0.0, 1.0, f"{len(stream.pcm)} of {len(streams)}"),))

    def transcribe(self, sound: Sound, language: str) -> Hypothesis:
        raise AssertionError("a host that can has sounds transcribed together")

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        time.sleep(0.1)
        for sound, _ in sounds:
            _misbehave(sound.pcm)
        return [Hypothesis((Word(0.0, 1.0, f"{len(s.pcm)} of {len(sounds)}"),)) for s, _ in sounds]


class ExpectingJointFake(JointFake):
    """Says of each sound what it was told to expect in it, and in what company it was heard."""

    def start_expecting(
        self, rate: int, language: str, adaptation: str | None, expected: Expected
    ) -> JointFakeStream:
        return JointFakeStream(self, expected)

    def decode(self, streams: Sequence[JointFakeStream]) -> None:
        time.sleep(0.1)
        for stream in streams:
            stream.heard = _told(stream.expected, len(streams))

    def transcribe_all(self, sounds: Sequence[tuple[Sound, str]]) -> list[Hypothesis]:
        time.sleep(0.1)
        return [_told(sound.expected, len(sounds)) for sound, _ in sounds]


def _told(expected: Expected, company: int) -> Hypothesis:
    return Hypothesis((Word(0.0, 1.0, f"{'+'.join(expected.terms)} of {company}"),))


class JointFakeStream:
    def __init__(self, engine: JointFake, expected: Expected = NOTHING_EXPECTED) -> None:
        self._engine, self.pcm, self.heard = engine, b"", Hypothesis()
        self.expected = expected

    def hear(self, pcm: bytes) -> bool:
        self.pcm += pcm
        return True

    def end(self) -> bool:
        return False

    def accept(self, pcm: bytes) -> Hypothesis:
        raise AssertionError("a host that can has streams decoded together")

    def finish(self) -> Hypothesis:
        raise AssertionError("a host that can has streams decoded together")

    def close(self) -> None:
        pass


def _misbehave(pcm: bytes) -> None:
    if pcm.startswith(RAISE):
        raise KeyError("a secret word")
    if pcm.startswith(DIE):
        os._exit(9)


def refuse() -> FakeEngine:
    """An engine that says why it cannot be loaded."""
    raise EngineFailed("The model is not there.", "Fetch it first.")


def die_at_start(marks: str, times: int) -> FakeEngine:
    """An engine whose first ``times`` hosts die while they load; counts in the folder ``marks``."""
    seen = len(list(Path(marks).iterdir()))
    Path(marks, str(os.getpid())).touch()
    if seen < times:
        os._exit(7)
    return FakeEngine()
