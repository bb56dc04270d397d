"""``bench live``: what counts as speech, what a latency is, and what is made of the figures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

from twicetold.cli import bench_latency
from twicetold.cli.bench_calls import Caption, Heard, Latencies, Samples, Script, speech_spans
from twicetold.cli.bench_live import _numbers
from twicetold.errors import MissingExtra, SettingError

pytestmark = pytest.mark.unit

RATE = 16_000


def sound(*stretches: tuple[float, float]) -> Samples:
    """(seconds, amplitude) one after the other: noise of that loudness."""
    random = np.random.default_rng(1)
    pieces = [random.normal(0, level, round(s * RATE)) for s, level in stretches]
    return np.concatenate(pieces).astype(np.int16)


def test_speech_is_what_is_loud_and_short_pauses_belong_to_it() -> None:
    heard = sound((1.0, 5), (1.0, 3000), (0.3, 5), (1.0, 2000), (1.0, 5), (0.5, 3000), (1.0, 5))
    first, second = speech_spans(heard, RATE)
    assert first == pytest.approx((1.0, 3.3), abs=0.021)
    assert second == pytest.approx((4.3, 4.8), abs=0.021)


def test_a_click_is_no_speech() -> None:
    heard = sound((1.0, 5), (0.05, 3000), (0.5, 5), (1.0, 3000), (1.0, 5))
    assert speech_spans(heard, RATE) == [pytest.approx((1.55, 2.55), abs=0.021)]


def test_silence_holds_no_speech() -> None:
    assert speech_spans(np.zeros(100, np.int16), RATE) == []


SCRIPT = Script(bytes(2 * 10 * RATE), RATE, ((1.0, 3.0), (6.0, 8.0)))


def test_latency_counts_from_the_spoken_sample_to_the_last_final_about_it() -> None:
    heard = Heard(
        partials=[Caption(1.5, 1.1, 1.4, "a"), Caption(6.4, 6.0, 6.3, "c")],
        finals=[
            Caption(2.4, 1.1, 1.9, "a"),
            Caption(3.7, 2.2, 2.9, "b"),
            Caption(9.0, 6.0, 7.9, "c"),
        ],
        done=True,
    )
    latencies = Latencies()
    latencies.add(SCRIPT, heard)
    assert latencies.final_s == pytest.approx([0.7, 1.0])
    assert latencies.first_partial_s == pytest.approx([0.5, 0.4])
    assert (latencies.stretches, latencies.without_words, latencies.unfinished) == (2, 0, 0)


def test_speech_that_no_final_is_about_is_counted_not_forgotten() -> None:
    latencies = Latencies()
    latencies.add(SCRIPT, Heard(finals=[Caption(3.7, 1.1, 2.9, "b")], lagging=2))
    assert (latencies.stretches, latencies.without_words) == (2, 1)
    assert (latencies.lagging, latencies.unfinished) == (2, 1)


def test_each_call_begins_elsewhere_and_lasts_as_long_as_was_asked() -> None:
    side = sound((1.0, 5), (2.0, 3000), (2.0, 5), (1.0, 3000), (1.5, 5))
    first, second = (bench_latency._turned([(side, RATE)], number, 20.0) for number in (0, 1))
    assert first.length_s == second.length_s == 20.0
    assert first.pcm != second.pcm
    assert all(0.1 < start < end < 19.0 for start, end in first.speech + second.speech)
    assert len(first.speech) >= 4


def figures() -> dict[str, object]:
    latencies = Latencies([0.6, 0.7], [0.3, 0.4], stretches=2)
    return {"seconds": 20.0, "steps": [bench_latency._step(n, latencies) for n in (1, 2)]}


@pytest.mark.slow
def test_the_picture_and_the_figures_are_written(tmp_path: Path) -> None:
    written = bench_latency._write(figures(), tmp_path / "out")
    assert [path.name for path in written] == ["live.json", "live.png", "live.svg"]
    assert json.loads(written[0].read_text())["steps"][1]["final_s"]["p50"] == 0.65
    assert written[1].read_bytes().startswith(b"\x89PNG")
    assert "</svg>" in written[2].read_text()


def test_a_step_without_words_is_drawn_and_shown_too(tmp_path: Path) -> None:
    empty = {"seconds": 1.0, "steps": [bench_latency._step(1, Latencies())]}
    assert bench_latency.draw(empty, tmp_path)
    assert bench_latency.table_of([bench_latency._step(1, Latencies())]).row_count == 1


async def test_without_matplotlib_it_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtra) as missing:
        await bench_latency.measure([1], output=tmp_path)
    assert missing.value.hint == "pip install 'twicetold[bench]'"


def test_numbers_of_calls() -> None:
    assert _numbers("1, 2,16") == [1, 2, 16]
    for wrong in ("", "0", "1,,2", "-1", "²", "1.5", "1001", "many"):
        with pytest.raises(SettingError, match="concurrency"):
            _numbers(wrong)
