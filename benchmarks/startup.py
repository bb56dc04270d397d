"""How long ``twicetold serve`` takes until the first call may come.

``python -m benchmarks startup``: process start → ``/readyz`` answers 200, which it does once the
live engine is loaded; several times on an empty data directory, and several times on one with
1,000 calls (recording, draft, canonical transcript). The moment is taken by asking every 20 ms.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from benchmarks.common import save, summary
from benchmarks.servers import Server
from twicetold.config import Settings
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word
from twicetold.speech.wav import wav_head
from twicetold.storage import open_store, recording_key
from twicetold.transcripts import NewCall, Revision
from twicetold.transcripts.sqlite import SqliteTranscripts

CALLS = 1_000
RUNS = 8
_RATE = 16_000
_SEGMENTS = 20


def run() -> dict[str, Any]:
    """Seconds on an empty and on a full store; saved as ``startup``."""
    with tempfile.TemporaryDirectory(prefix="twicetold-bench-") as directory:
        full = Path(directory) / "full"
        full.mkdir()
        asyncio.run(fill(full))
        figures = {
            "empty_s": summary(asyncio.run(_starts(Path(directory) / "empty", fresh=True))),
            f"{CALLS}_calls_s": summary(asyncio.run(_starts(full, fresh=False))),
        }
    save("startup", figures)
    return figures


async def _starts(data_dir: Path, *, fresh: bool) -> list[float]:
    seconds = []
    for number in range(RUNS):
        where = data_dir.with_name(f"{data_dir.name}-{number}") if fresh else data_dir
        server = Server(where, engine="pocketsphinx")
        seconds.append(await server.start())
        await server.stop()
    return seconds


async def fill(data_dir: Path) -> None:
    """1,000 finished calls, as a server would have left them."""
    store = Path(str(open_store(Settings().store, data_dir).prefix))
    transcripts = SqliteTranscripts(data_dir / "transcripts.sqlite3")
    sound = wav_head(_RATE, 1, 2 * _RATE) + bytes(2 * _RATE)
    for number in range(CALLS):
        key = CallKey("default", f"call-{number:04d}")
        name = recording_key(key)
        (store / name).parent.mkdir(parents=True, exist_ok=True)
        (store / name).write_bytes(sound)
        started = 1_700_000_000.0 + 100 * number
        await transcripts.begin_call(NewCall(key, started, 1, "live", "en", _RATE))
        await transcripts.save_draft(key, _finals())
        await transcripts.end_call(key, started + 90, 1.0, "pocketsphinx")
        await transcripts.set_recording(key, name, 1.0)
        revision = Revision("r1", "pocketsphinx", "en", 1.0, 1)
        await transcripts.save_canonical(key, revision, _segments())
    await transcripts.aclose()


def _words(number: int) -> tuple[Word, ...]:
    start = 4.0 * number
    return tuple(Word(start + 0.3 * n, start + 0.3 * n + 0.25, f"word{n}") for n in range(10))


def _finals() -> list[Final]:
    made = []
    for number in range(_SEGMENTS):
        words = _words(number)
        text = " ".join(word.text for word in words)
        made.append(Final(number + 1, 0, number + 1, words[0].start, words[-1].end, text, words))
    return made


async def _segments() -> AsyncIterator[Segment]:
    for number, final in enumerate(_finals()):
        yield Segment(number, 0, final.start, final.end, final.text, final.words)
