"""Calls for the page's tests, written into a data directory that no server has open.

python seed.py FOLDER hostile | many COUNT | long WORDS
"""

import asyncio
import random
import re
import sys
import time
import wave
from collections.abc import AsyncIterator, Iterable, Iterator
from pathlib import Path

from twicetold.batch.job import identify
from twicetold.queue import Job
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word
from twicetold.transcripts import NewCall, Revision, Status
from twicetold.transcripts.sqlite import SqliteTranscripts

HOSTILE = [
    "<script>document.title='taken'</script> <img src=x onerror=document.title='taken'>",
    "שלום עולם this is mixed مرحبا بالعالم",
    "Z̸̧̢̛͚̫͉̮̦̣̝̘̲a̴̢̡̛̛͙̗̺̩̜l̶̢̡̛̖̟̦̞g̷̢̛̞̗̜̞ǫ̵̛̝̞̗ 👩‍👩‍👧‍👦 🙂",
    "今日は いい 天気 です",
    "x" * 10_000,
    "{{constructor.constructor('alert(1)')()}} ${7*7} &lt;b&gt; \u202eright to left\u202c",
]
VOCABULARY = re.findall(
    r"\w+",
    "the order was on its way to my house and then it never came so i would like to know when "
    "the next one is going to be sent because my daughter is waiting for the book",
)


async def main(folder: str, kind: str, count: str = "0") -> None:
    data = Path(folder)
    store = SqliteTranscripts(data / "transcripts.sqlite3")
    try:
        if kind == "hostile":
            await hostile(store)
        elif kind == "many":
            await many(store, int(count))
        else:
            await long(store, data, int(count))
    finally:
        await store.aclose()


async def hostile(store: SqliteTranscripts) -> None:
    await told(store, "hostile", [(0, line) for line in HOSTILE], [(0, line) for line in HOSTILE])


async def many(store: SqliteTranscripts, count: int) -> None:
    dice = random.Random(7)
    for number in range(count):
        key = CallKey("default", f"call-{number:05d}")
        source = ("live", "upload", "drop")[number % 3]
        began = time.time() - 600.0 * (number + 1)
        await store.begin_call(NewCall(key, began, 1 + number % 2, source, "en", 16000))
        await store.set_recording(key, f"recordings/default/{key.call_id}.wav", 60.0 + number)
        if number % 10 == 9:
            error = "The file is not sound in any format that is known here."
            await store.set_status(key, Status.FAILED, "not_audio", error)
        else:
            await store.save_canonical(key, Revision("r", "counter", "en", 60.0, 1), stream([]))
            await store.set_draft_wer(key, dice.betavariate(2, 14), "whisper-english")


async def long(store: SqliteTranscripts, data: Path, words: int) -> None:
    """A call of two people who talk for 0.36 s a word, its recording silent and sparse."""
    dice = random.Random(11)
    lines = list(spoken(dice, words))
    heard = [(c, " ".join("um" if dice.random() < 0.1 else w for w in t.split())) for c, t in lines]
    length_s = await told(store, "long", heard, lines)
    recording = data / "store" / "recordings" / "default" / "long.wav"
    recording.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(recording), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(8000)
        file.setnframes(int(8000 * length_s))
        file.writeframesraw(b"")
    head = bytearray(recording.read_bytes()[:44].ljust(44, b"\0"))
    size = int(8000 * length_s) * 2
    head[4:8], head[40:44] = (size + 36).to_bytes(4, "little"), size.to_bytes(4, "little")
    with recording.open("wb") as file:
        file.write(head)
        file.truncate(44 + size)
    key, name = CallKey("default", "long"), "recordings/default/long.wav"
    await store.set_recording(key, name, length_s)
    await already_transcribed(data, Job(key, (await identify(recording)).content, name, "en"))


async def already_transcribed(data: Path, job: Job) -> None:
    """Or the server would take the recording for one that has just come."""
    queue = SqliteQueue(data / "queue.sqlite3")
    try:
        await queue.submit(job)
        await (await queue.claim()).complete()
    finally:
        await queue.aclose()


def spoken(dice: random.Random, words: int) -> Iterator[tuple[int, str]]:
    said = 0
    while said < words:
        count = min(dice.randint(3, 30), words - said)
        said += count
        yield said % 2, " ".join(dice.choices(VOCABULARY, k=count))


async def told(
    store: SqliteTranscripts,
    name: str,
    draft: list[tuple[int, str]],
    canonical: list[tuple[int, str]],
) -> float:
    key = CallKey("default", name)
    await store.begin_call(NewCall(key, time.time() - 40_000, 2, "live", "en", 16000))
    finals = [
        Final(n, s.channel, n, s.start, s.end, s.text, s.words)
        for n, s in enumerate(laid(draft), 1)
    ]
    await store.save_draft(key, finals)
    length_s = finals[-1].end + 1
    await store.end_call(key, time.time(), length_s, "counter")
    revision = Revision("r1", "counter", "en", length_s, 2)
    await store.save_canonical(key, revision, stream(laid(canonical)))
    return length_s


def laid(lines: Iterable[tuple[int, str]]) -> Iterator[Segment]:
    at = 0.5
    for number, (channel, text) in enumerate(lines, 1):
        words = text.split()
        timed = tuple(
            Word(at + 0.35 * n, at + 0.35 * n + 0.3, word, 0.3 if n % 7 == 3 else 0.9)
            for n, word in enumerate(words)
        )
        end = at + 0.35 * len(words)
        yield Segment(number, channel, at, end, text, timed)
        at = end + 0.2


async def stream(segments: Iterable[Segment]) -> AsyncIterator[Segment]:
    for segment in segments:
        yield segment


asyncio.run(main(*sys.argv[1:]))
