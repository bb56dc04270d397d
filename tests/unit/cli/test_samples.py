"""Which sample call is played."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from twicetold.cli import samples
from twicetold.errors import RecordingNotFound

pytestmark = pytest.mark.unit

BODY = {"language": "en", "length_s": 60.0}


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
