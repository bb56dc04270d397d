"""Sample calls and their references."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twicetold.cli import samples
from twicetold.errors import RecordingNotFound
from twicetold.speech.transcript import Segment

pytestmark = pytest.mark.unit

BODY = {
    "language": "en",
    "length_s": 60.0,
    "files": {"c.stereo.flac": {"channels": 2}, "c.mono.flac": {"channels": 1}},
    "channels": [{"channel": 0, "speaker": "agent"}, {"channel": 1, "speaker": "caller"}],
    "utterances": [
        {"channel": 1, "start": 2.0, "text": "My name is Ann."},
        {"channel": 0, "start": 0.0, "text": "Hello!"},
    ],
}


def said(channel: int, text: str) -> Segment:
    return Segment(1, channel, 0.0, 1.0, text)


def test_a_transcript_is_scored_channel_by_channel(tmp_path: Path) -> None:
    (tmp_path / "c.json").write_text(json.dumps(BODY))
    reference = samples.reference_of(tmp_path / "c.stereo.flac")
    assert reference is not None
    assert reference.names == {0: "agent", 1: "caller"}
    assert reference.wer([said(0, "hello"), said(1, "my name is ann")]) == 0.0
    assert reference.wer([said(1, "hello"), said(0, "my name is ann")]) > 1.0
    mono = samples.reference_of(tmp_path / "c.mono.flac")
    assert mono is not None
    assert mono.wer([said(0, "hello my name is anna")]) == pytest.approx(1 / 5)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"utterances": 3}'])
def test_another_json_file_is_no_reference(tmp_path: Path, text: str) -> None:
    assert samples.reference_of(tmp_path / "c.wav") is None
    (tmp_path / "c.json").write_text(text or json.dumps(BODY))
    assert samples.reference_of(tmp_path / "c.wav") is None


def test_the_shortest_two_party_call_is_played(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(samples, "samples_folder", lambda: tmp_path)
    for name, length_s in (("a", 70), ("b", 60), ("c", 65)):
        (tmp_path / f"{name}.stereo.flac").touch()
        (tmp_path / f"{name}.json").write_text(json.dumps(BODY | {"length_s": length_s}))
    assert samples.sample_call().name == "b.stereo.flac"


def test_without_samples_it_is_said_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samples, "samples_folder", lambda: None)
    with pytest.raises(RecordingNotFound) as caught:
        samples.sample_call()
    assert "--file" in caught.value.hint
