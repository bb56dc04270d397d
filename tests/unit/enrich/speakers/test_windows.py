"""Diarizers that are given windows, and pyannote.audio among them, through a stand-in."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from twicetold.enrich.speakers import open_diarizer
from twicetold.enrich.speakers.windows import Floats, Heard, WindowedDiarization
from twicetold.errors import EnrichmentFailed, MissingExtra, SettingError, UnsupportedRate
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

RATE = 8_000
ALICE, BOB = np.array([1, 0, 0.1], np.float32), np.array([0, 1, 0.1], np.float32)


def level(value: float, seconds: float) -> bytes:
    return np.full(int(seconds * RATE), value * 32_768, "<i2").tobytes()


def hears(sound: Floats) -> Heard:
    """A diarizer that knows people by how loud they are; the loudest is its speaker A."""
    people = sorted({round(float(v), 2) for v in np.abs(sound)} - {0.0}, reverse=True)
    turns, embeddings = [], {}
    for number, volume in enumerate(people):
        at = np.flatnonzero(np.abs(np.abs(sound) - volume) < 0.01) / RATE
        turns.append(Turn(float(at[0]), float(at[-1] + 1 / RATE), "AB"[number]))
        embeddings["AB"[number]] = ALICE if volume > 0.3 else BOB
    return Heard(turns, embeddings)


def test_speakers_are_found_again_by_their_embeddings():
    session = WindowedDiarization(hears, RATE, 0.5, window_s=10)
    for volume in (0.25, 0.0, 0.5, 0.0, 0.25, 0.0):  # bob alone, alice alone, bob alone
        session.accept(level(volume, 5))
    assert session.finish() == [Turn(0, 5, "1"), Turn(10, 15, "2"), Turn(20, 25, "1")]


def test_the_sound_it_holds_does_not_grow():
    sizes: list[int] = []

    def hear(sound: Floats) -> Heard:
        sizes.append(len(sound))
        return Heard([])

    session = WindowedDiarization(hear, RATE, 0.5, window_s=10)
    for _ in range(47):
        session.accept(level(0.1, 1))
    assert session.finish() == []
    assert [size / RATE for size in sizes] == [10, 10, 10, 10, 7]


def test_no_more_than_eight_speakers():
    made = iter(range(100))

    def hear(_: Floats) -> Heard:
        embedding = np.zeros(30, np.float32)
        embedding[next(made)] = 1
        return Heard([Turn(0, 5, "A")], {"A": embedding})

    session = WindowedDiarization(hear, RATE, 0.5, window_s=10)
    session.accept(level(0.1, 200))
    assert len({turn.speaker for turn in session.finish()}) == 8


def test_nothing_heard():
    assert WindowedDiarization(hears, RATE, 0.5).finish() == []


# --- pyannote.audio, which is not installed here: a stand-in of the same interface ----------------


class FakePipeline:
    """What of pyannote.audio 4's Pipeline is used, over ``hears``."""

    folder, device, fails = "", "", False

    @classmethod
    def from_pretrained(cls, folder: str) -> FakePipeline:
        cls.folder = folder
        return cls()

    def to(self, device: str) -> None:
        type(self).device = device

    def __call__(self, file: dict[str, Any]) -> SimpleNamespace:
        if self.fails:
            raise RuntimeError("out of memory")
        assert file["sample_rate"] == RATE
        assert file["waveform"].shape[0] == 1
        heard = hears(file["waveform"][0])
        tracks = [(SimpleNamespace(start=t.start, end=t.end), "_", t.speaker) for t in heard.turns]
        annotation = SimpleNamespace(
            itertracks=lambda yield_label: iter(tracks) if yield_label else None,
            labels=lambda: sorted(heard.embeddings),
        )
        rows = [heard.embeddings[label] for label in sorted(heard.embeddings)]
        return SimpleNamespace(speaker_diarization=annotation, speaker_embeddings=np.array(rows))


@pytest.fixture
def fake_pyannote(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    torch, package, audio = (
        ModuleType("torch"),
        ModuleType("pyannote"),
        ModuleType("pyannote.audio"),
    )
    torch.__dict__.update(device=str, from_numpy=lambda array: array)
    audio.__dict__.update(Pipeline=FakePipeline)
    for module in (torch, package, audio):
        monkeypatch.setitem(sys.modules, module.__name__, module)
    yield
    FakePipeline.fails = False


@pytest.mark.usefixtures("fake_pyannote")
def test_pyannote_is_given_windows_and_its_speakers_are_joined(tmp_path: Path):
    diarizer = open_diarizer("pyannote", pipeline=str(tmp_path), device="cuda")
    assert (FakePipeline.folder, FakePipeline.device) == (str(tmp_path), "cuda")
    session = diarizer.start(RATE)
    session.accept(level(0.5, 3) + level(0.25, 3), [0.9] * 10)
    assert session.finish() == [Turn(0, 3, "1"), Turn(3, 6, "2")]


@pytest.mark.usefixtures("fake_pyannote")
def test_pyannote_that_fails(tmp_path: Path):
    FakePipeline.fails = True
    session = open_diarizer("pyannote", pipeline=str(tmp_path)).start(RATE)
    session.accept(level(0.5, 3))
    with pytest.raises(EnrichmentFailed, match="out of memory"):
        session.finish()
    with pytest.raises(SettingError, match="no folder"):
        open_diarizer("pyannote", pipeline=str(tmp_path / "none"))


def test_pyannote_that_is_not_installed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingExtra) as raised:
        open_diarizer("pyannote", pipeline="x")
    assert "pip install 'twicetold[pyannote]'" in raised.value.hint


# --- by name --------------------------------------------------------------------------------------


def test_unknown_names_and_options():
    with pytest.raises(SettingError, match="gmm, sherpa, pyannote"):
        open_diarizer("guess")
    with pytest.raises(SettingError, match="gmm"):
        open_diarizer("gmm", speed="high")


def test_sherpa_that_is_not_installed_and_models_that_are_not_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    with pytest.raises(SettingError, match="no model"):
        open_diarizer("sherpa", segmentation=str(tmp_path / "a"), embedding=str(tmp_path / "b"))
    monkeypatch.setitem(sys.modules, "sherpa_onnx", None)
    with pytest.raises(MissingExtra) as raised:
        open_diarizer("sherpa", segmentation="a", embedding="b")
    assert "twicetold[sherpa]" in raised.value.hint


def test_rates(tmp_path: Path, fake_pyannote: None):
    with pytest.raises(UnsupportedRate):
        open_diarizer("pyannote", pipeline=str(tmp_path)).start(44_100)
