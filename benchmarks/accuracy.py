"""Live words against batch words, same engine, same sound, against what was said.

``python -m benchmarks accuracy [--data DIR]``: recordings of ``--data``, the samples, and (where
``flite`` is installed) the samples' texts read by two more voices. Each reader is one call, the
clips one after another with a second of quiet between; all go through one ``twicetold serve`` on
the defaults, live over the socket, then batch. Words are laid to the clip in whose time they
fall, scored with the Whisper normaliser for English, and compared by a paired bootstrap over clips.
Sound is sent as fast as the server takes it; ``check_real_time`` plays some calls at their real
speed and compares the words.
"""

from __future__ import annotations

import asyncio
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import clips
from benchmarks.clips import Clip
from benchmarks.common import save
from benchmarks.servers import Server
from benchmarks.serving import fast_call, transcripts_of
from twicetold.cli.bench_calls import Samples, Script, play
from twicetold.speech.scoring import NORMALISER, normalise, paired_bootstrap, word_errors

PAUSE_S = 1.0
MORE_VOICES = ("awb", "kal16")
_REAL_TIME_CALLS = 4


@dataclass(frozen=True)
class Scene:
    """One reader's clips as one call, and where each lies, in seconds."""

    call_id: str
    sound: Samples
    rate: int
    clips: tuple[Clip, ...]
    spans: tuple[tuple[float, float], ...]

    def texts(self, segments: Sequence[dict[str, Any]]) -> list[str]:
        """What was heard in each clip: words go to the clip that is nearest to their middle."""
        heard: list[list[str]] = [[] for _ in self.clips]
        middles = np.array(self.spans)
        words = [word for segment in segments for word in segment["words"]]
        for word in sorted(words, key=lambda each: each["start"]):
            at = (word["start"] + word["end"]) / 2
            away = np.maximum(0.0, np.maximum(middles[:, 0] - at, at - middles[:, 1]))
            heard[int(np.argmin(away))].append(word["text"])
        return [" ".join(words) for words in heard]


def run(data: Path | None = None) -> dict[str, Any]:
    """Both rates, their difference with its 95 % interval; saved as ``accuracy``."""
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        found = clips.sample_clips() + spoken_by_flite(Path(directory))
        if data is not None:
            found = clips.recorded(data) + found
        scenes = scenes_of(found)
        figures = asyncio.run(_measure(scenes, Path(directory)))
    save("accuracy", figures)
    return figures


def scenes_of(found: Sequence[Clip]) -> list[Scene]:
    """One call a reader."""
    readers: dict[tuple[str, int], list[Clip]] = {}
    for clip in found:
        readers.setdefault((clip.reader, clip.rate), []).append(clip)
    scenes = []
    for number, ((_, rate), members) in enumerate(readers.items()):
        quietest = min(clips.speech_level(clip.sound, rate) for clip in members)
        sound, spans = clips.laid_out(
            [clip.sound for clip in members],
            [PAUSE_S] * (len(members) + 1),
            rate,
            np.random.default_rng(number),
            quietest - 40,
        )
        scenes.append(Scene(f"reader-{number}", sound, rate, tuple(members), tuple(spans)))
    return scenes


def spoken_by_flite(folder: Path) -> list[Clip]:
    """The samples' texts, read by voices that are not in the samples; nothing without flite."""
    if shutil.which("flite") is None:
        return []
    made = []
    texts = [clip.text for clip in clips.sample_clips()]
    for voice in MORE_VOICES:
        for number, text in enumerate(texts):
            path = folder / f"{voice}-{number}.wav"
            subprocess.run(
                ["flite", "-voice", voice, "-t", text, "-o", str(path)],
                check=True,
                capture_output=True,
            )
            sound, rate = clips.decoded(path)
            made.append(Clip(path.stem, f"flite {voice}", f"flite {voice}", sound, rate, text))
            path.unlink()
    return made


async def _measure(scenes: Sequence[Scene], directory: Path) -> dict[str, Any]:
    # A client that is made to wait is not one that has stopped talking.
    server = Server(directory / "data", engine="pocketsphinx", settings={"finalize_after_s": "60"})
    await server.start()
    try:
        rows = await _rows(server.url, scenes)
        same = await check_real_time(server.url, scenes)
    finally:
        await server.stop()
    figures = _compared(rows)
    figures["same_words_at_real_speed"] = same
    figures["flite"] = _compared([row for row in rows if row["source"].startswith("flite")])
    recordings = [row for row in rows if not row["source"].startswith("flite")]
    if recordings:
        figures["recordings"] = _compared(recordings)
    figures["sources"] = {
        source: _compared([row for row in rows if row["source"] == source])
        for source in sorted({row["source"] for row in rows})
    }
    return figures


async def _rows(url: str, scenes: Sequence[Scene]) -> list[dict[str, Any]]:
    """Per clip: errors of both passes."""
    at_once = asyncio.Semaphore(3)

    async def one(scene: Scene) -> list[dict[str, Any]]:
        async with at_once:
            await fast_call(url, scene.call_id, scene.sound, scene.rate)
        draft, canonical = await transcripts_of(url, scene.call_id)
        return [
            _row(clip, live, batch)
            for clip, live, batch in zip(
                scene.clips, scene.texts(draft), scene.texts(canonical), strict=True
            )
        ]

    return [row for rows in await asyncio.gather(*map(one, scenes)) for row in rows]


def _row(clip: Clip, live: str, batch: str) -> dict[str, Any]:
    reference = normalise(clip.text, "en")
    return {
        "source": clip.source,
        "clip": clip.name,
        "live": word_errors(reference, normalise(live, "en")).total,
        "batch": word_errors(reference, normalise(batch, "en")).total,
        "words": len(reference),
    }


def _compared(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    words = sum(row["words"] for row in rows)
    errors = [(row["live"], row["batch"], row["words"]) for row in rows]
    difference = paired_bootstrap(errors)
    return {
        "words": words,
        "clips": len(rows),
        "live_wer": sum(row["live"] for row in rows) / words,
        "batch_wer": sum(row["batch"] for row in rows) / words,
        "difference": {
            "mean": difference.mean, "low": difference.low, "high": difference.high
        },
        "normaliser": NORMALISER,
    }  # fmt: skip


async def check_real_time(url: str, scenes: Sequence[Scene]) -> dict[str, Any]:
    """Some calls again, at their real speed: whether the finals say the same words."""
    shortest = sorted(scenes, key=lambda scene: len(scene.sound))
    middle = len(shortest) // 2
    chosen = shortest[middle : middle + _REAL_TIME_CALLS]

    async def one(scene: Scene) -> tuple[list[str], list[str]]:
        script = Script(scene.sound.astype("<i2").tobytes(), scene.rate, ())
        slow = await play(url, f"{scene.call_id}-slow", script)
        quick = await fast_call(url, f"{scene.call_id}-quick", scene.sound, scene.rate)
        return [final.text for final in slow.finals], [final["text"] for final in quick]

    pairs = await asyncio.gather(*map(one, chosen))
    return {
        "calls": len(chosen),
        "words": sum(len(" ".join(slow).split()) for slow, _ in pairs),
        "same": all(slow == quick for slow, quick in pairs),
    }
