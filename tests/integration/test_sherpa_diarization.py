"""The sherpa diarizer through sherpa-onnx itself, with models that know nothing of voices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.models.tiny_diarization import embedding, segmentation

from twicetold.enrich.speakers import open_diarizer
from twicetold.errors import SettingError, UnsupportedRate

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("diarization")
    return {
        "segmentation": str(segmentation(folder / "segmentation.onnx")),
        "embedding": str(embedding(folder / "embedding.onnx")),
    }


def buzz(rate: int, hertz: float, seconds: float) -> bytes:
    at = np.arange(int(rate * seconds)) / rate
    wave = sum(np.sin(2 * np.pi * hertz * k * at) / k for k in range(1, 12))
    return (np.asarray(wave) * 6_000).astype("<i2").tobytes()


@pytest.mark.parametrize("rate", [8_000, 16_000])
def test_turns_come_where_sound_is(models: dict[str, str], rate: int):
    session = open_diarizer("sherpa", **models).start(rate)
    silence = bytes(2 * rate * 3)
    for piece in (silence, buzz(rate, 110, 5), silence, buzz(rate, 700, 5), silence):
        session.accept(piece)
    turns = session.finish()
    assert turns[0].speaker == "1"
    for start, end in ((3, 8), (11, 16)):
        inside = [turn for turn in turns if start - 0.5 < turn.start and turn.end < end + 0.5]
        assert sum(turn.end - turn.start for turn in inside) == pytest.approx(5, abs=0.6)


def test_silence(models: dict[str, str]):
    session = open_diarizer("sherpa", **models).start(16_000)
    session.accept(bytes(2 * 16_000 * 12))
    assert session.finish() == []
    with pytest.raises(UnsupportedRate):
        open_diarizer("sherpa", **models).start(44_100)


def test_a_file_that_is_not_there(models: dict[str, str], tmp_path: Path):
    with pytest.raises(SettingError, match="no model"):
        open_diarizer("sherpa", segmentation=str(tmp_path / "x"), embedding=models["embedding"])
