"""The committed sample calls are what their references say."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest

pytestmark = pytest.mark.unit

SAMPLES = Path(__file__).parents[2] / "samples"
CALLS = SAMPLES / "calls"
LONG_CALLS = ("billing", "delivery", "internet")
NAMES = (*LONG_CALLS, "hello")
LARGEST_BYTES = 6_000_000


def reference(name: str) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((CALLS / f"{name}.json").read_text())
    return loaded


def sound(path: Path) -> npt.NDArray[np.int16]:
    """(samples, channels)"""
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        frames = [frame.to_ndarray() for frame in container.decode(track)]
    return np.concatenate(frames, axis=1).reshape(-1, track.channels)


def level_dbfs(samples: npt.NDArray[np.int16]) -> float:
    return float(10 * np.log10(np.mean((samples / 32768.0) ** 2) + 1e-12))


@pytest.mark.parametrize("name", NAMES)
def test_files_are_as_long_as_the_reference_says(name: str) -> None:
    about = reference(name)
    for file_name, file in about["files"].items():
        samples = sound(CALLS / file_name)
        assert samples.shape == (file["samples"], file["channels"])
        assert file["samples"] / file["rate"] == pytest.approx(about["length_s"], abs=0.001)


def test_telephone_call_is_really_mulaw() -> None:
    with av.open(str(CALLS / "billing.mulaw.wav")) as container:
        track = container.streams.audio[0]
        assert (track.codec_context.name, track.rate) == ("pcm_mulaw", 8_000)


@pytest.mark.parametrize("name", LONG_CALLS)
def test_each_channel_speaks_when_the_reference_says_and_only_then(name: str) -> None:
    about, samples = reference(name), sound(CALLS / f"{name}.stereo.flac")
    for channel in (0, 1):
        spoken = np.zeros(len(samples), bool)
        for said in about["utterances"]:
            if said["channel"] == channel:
                start, end = said["start_sample"], said["end_sample"]
                assert level_dbfs(samples[start:end, channel]) > -36
                assert not spoken[start:end].any()
                # flite's own quiet beginnings and ends lie outside
                spoken[max(0, start - 4_800) : end + 4_800] = True
        assert -62 < level_dbfs(samples[~spoken, channel]) < -58


@pytest.mark.parametrize("name", NAMES)
def test_words_are_those_of_the_text_in_order(name: str) -> None:
    for said in reference(name)["utterances"]:
        words = said["words"]
        assert [word["text"] for word in words] == [
            token.strip(".,?!") for token in said["text"].split()
        ]
        times = [time for word in words for time in (word["start"], word["end"])]
        assert times == sorted(times)
        assert all(word["end"] > word["start"] for word in words)
        assert (times[0], times[-1]) == (said["start"], said["end"])
        assert said["start"] == pytest.approx(said["start_sample"] / 16_000, abs=1e-4)


@pytest.mark.parametrize("name", NAMES)
def test_personal_data_is_where_the_reference_says(name: str) -> None:
    for said in reference(name)["utterances"]:
        for span in said["personal_data"]:
            words = said["words"][span["first_word"] : span["last_word"] + 1]
            assert span["text"] == " ".join(word["text"] for word in words)
            assert (span["start"], span["end"]) == (words[0]["start"], words[-1]["end"])


def test_calls_hold_every_kind_of_personal_data() -> None:
    kinds = {
        span["type"]
        for name in NAMES
        for said in reference(name)["utterances"]
        for span in said["personal_data"]
    }
    assert kinds == {"person", "phone_number", "card_number", "email", "date", "address"}


@pytest.mark.parametrize("name", LONG_CALLS)
def test_each_call_has_one_overlap_and_is_long_enough(name: str) -> None:
    about = reference(name)
    (overlap,) = about["overlaps"]
    both = [
        said["channel"]
        for said in about["utterances"]
        if said["start"] < overlap["end"] and said["end"] > overlap["start"]
    ]
    assert sorted(both) == [0, 1]
    assert 0.3 < overlap["end"] - overlap["start"] < 2
    assert 60 <= about["length_s"] <= 150


def test_samples_are_small() -> None:
    assert sum(path.stat().st_size for path in CALLS.iterdir()) < LARGEST_BYTES


@pytest.mark.skipif(shutil.which("flite") is None, reason="flite is not installed")
def test_script_makes_the_committed_call_again(tmp_path: Path) -> None:
    command = [sys.executable, "samples/make_samples.py", "--only", "hello", "--output", tmp_path]
    subprocess.run(command, check=True, cwd=SAMPLES.parent, stdout=subprocess.DEVNULL)
    assert json.loads((tmp_path / "hello.json").read_text()) == reference("hello")
    again, committed = sound(tmp_path / "hello.flac"), sound(CALLS / "hello.flac")
    assert again.shape == committed.shape
    # Another processor may round its floating point otherwise.
    assert np.abs(again.astype(int) - committed).max() <= 2
