"""A call with all that enrichment finds out, for the page's tests and pictures.

python worth.py FOLDER: the call ``worth`` in a data directory that no server has open; what was
removed is beeped in its recording.
"""

import asyncio
import math
import random
import sys
import time
import wave
from array import array
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

from twicetold.batch.job import identify
from twicetold.queue import Job
from twicetold.queue.sqlite import SqliteQueue
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Segment, Word
from twicetold.transcripts import NewCall, Revision
from twicetold.transcripts.sqlite import SqliteTranscripts

RATE = 8000
ROLES = ("agent", "customer")
# Who, how it sounds, what; [KIND:seconds] is what was removed. Long lines go on indented.
SAID = """
agent 0.5 good morning you are through to Northfield Home this call may be recorded how can I
  help
customer -0.4 morning I ordered a sofa three weeks ago and it still has not arrived this is
  ridiculous
agent 0.2 I am sorry to hear that let me look into it for you may I take your order number
customer 0.0 yes it is [REFERENCE:2.4]
agent 0.1 thank you and the phone number on the account please
customer 0.0 [PHONE:3.6] is the best one
agent 0.1 bear with me one moment
agent -0.1 I can see that the delivery was held at the depot because the address was not
  complete
customer -0.7 nobody told me that I called twice last week already and I want to cancel the
  order
agent 0.3 I understand and I can put this right today I could have it with you on Thursday
customer 0.1 Thursday would work how much is it to have the old sofa taken away
agent 0.6 for you that is free of charge could you confirm the postcode for me
customer 0.3 sure that is [POSTCODE:1.7] and use [PHONE:3.2] if the driver gets lost
agent 0.7 wonderful that is all booked you will get a message on the evening before
customer 0.8 great thank you so much you have been really helpful
agent 0.8 my pleasure is there anything else I can help with
customer 0.6 no that is all goodbye
"""
LINES = [line.split(" ", 2) for line in SAID.replace("\n ", "").strip().splitlines()]


async def main(folder: str) -> None:
    data = Path(folder)
    key, name = CallKey("default", "worth"), "recordings/default/worth.wav"
    segments, length_s = list(laid()), 0.0
    length_s = segments[-1].end + 1.0
    recording = data / "store" / name
    recording.parent.mkdir(parents=True, exist_ok=True)
    sounded(recording, segments, length_s)
    store = SqliteTranscripts(data / "transcripts.sqlite3")
    try:
        await store.begin_call(NewCall(key, time.time() - 7200, 2, "live", "en", RATE))
        finals = [
            Final(n, s.channel, n, s.start, s.end, s.text, s.words, safe=True)
            for n, s in enumerate(segments, 1)
        ]
        await store.save_draft(key, finals)
        await store.end_call(key, time.time() - 7000, length_s, "counter")
        known = insights(segments, length_s)
        revision = Revision(
            "r1", "counter", "en", length_s, 2, sentiment=0.21, lead_score=64.0, insights=known
        )
        await store.save_canonical(key, revision, stream(segments))
        await store.set_recording(key, name, length_s)
    finally:
        await store.aclose()
    queue = SqliteQueue(data / "queue.sqlite3")
    try:  # or the server would take the recording for one that has just come
        await queue.submit(Job(key, (await identify(recording)).content, name, "en"))
        await (await queue.claim()).complete()
    finally:
        await queue.aclose()


def laid() -> Iterator[Segment]:
    at = 1.0
    for number, (role, mood, text) in enumerate(LINES, 1):
        if number == 8:
            at += 9.0  # on hold
        words, start = [], at
        for spoken in text.split():
            kind, _, long = spoken.strip("[]").partition(":")
            removed = spoken.startswith("[")
            lasts = float(long) if removed else 0.12 + 0.035 * len(spoken)
            text_of = f"[{kind}]" if removed else spoken
            sure = None if removed else 0.93
            words.append(Word(at, at + lasts, text_of, sure, kind.lower() if removed else ""))
            at += lasts + 0.05
        line = " ".join(word.text for word in words)
        channel = ROLES.index(role)
        segment = Segment(number, channel, start, at, line, tuple(words), safe=True)
        yield replace(segment, speaker=role, sentiment=float(mood))
        at += 0.45


def insights(segments: list[Segment], length_s: float) -> dict[str, object]:
    removed = [
        {
            "kind": word.redacted,
            "start": round(word.start, 3),
            "end": round(word.end, 3),
            "channel": segment.channel,
            "speaker": segment.speaker,
        }
        for segment in segments
        for word in segment.words
        if word.redacted
    ]
    talk = {r: sum(s.end - s.start for s in segments if s.speaker == r) for r in ROLES}
    starts = [segment.start for segment in segments]
    return {
        "speakers": {"method": "channels", "names": list(ROLES)},
        "removed": removed,
        "removed_counts": {"phone": 2, "reference": 1, "postcode": 1},
        "sentiment": {
            **{"score": 0.21, "judge": "vader", "wished": "vader", "language": "en", "reason": ""},
            "curve": curve(segments),
            "speakers": [
                {"speaker": role, "score": score, "curve": curve(segments, role)}
                for role, score in (("agent", 0.42), ("customer", -0.04))
            ],
        },
        "metrics": {
            "length_s": length_s,
            "talk_s": round(sum(talk.values()), 1),
            "silence_s": 17.2,
            "silence_share": 0.17,
            "longest_silence_s": 9.5,
            "talk_over_s": 0.0,
            "hold_s": 9.5,
            "holds": 1,
            "words": 255,
            "words_per_minute": 154.8,
            "turns": 16,
            "interruptions": 1,
            "longest_monologue_s": 6.4,
            "response_median_s": 0.6,
            "response_p90_s": 1.1,
            "questions": 4,
            "speakers": [
                measured("agent", talk, 148.2, 0, 0.5, 3),
                measured("customer", talk, 161.4, 1, 0.7, 1),
            ],
        },
        "rules": {
            "categories": ["cancellation", "complaint", "compliance"],
            "matches": [
                match("complaint", "complains", starts[1]),
                match("cancellation", "wants to cancel", starts[8]),
                match("complaint", "calls again for the same thing", starts[8]),
                match("compliance", "says the name back", 60.0, "must_say"),
            ],
            **{"unjudged": [], "fingerprint": "f1"},
        },
        "lead": {
            **{"score": 64, "base": 44.0, "calibrated": False, "probability": None},
            "rubric": "sofas",
            "fired": [
                fired("asks what it costs", 18, starts[10]),
                fired("ends on a good note", 12, starts[14], starts[16]),
                fired("customer talks at least a third", 5, value=talk["customer"] / length_s),
                fired("wants to cancel", -15, starts[8]),
            ],
            **{"unjudged": [], "fingerprint": "f2"},
        },
        "failed_stages": [],
    }


def curve(segments: list[Segment], role: str | None = None) -> list[list[float | None]]:
    shown = [s for s in segments if role in (None, s.speaker)]
    return [[round((s.start + s.end) / 2, 2), s.sentiment] for s in shown]


def match(category: str, rule: str, start: float, must: str = "say") -> dict[str, object]:
    where = {"segment": None, "channel": None, "words": None}
    times = {"start": round(start, 3), "end": round(start + 1, 3)}
    return {"category": category, "rule": rule, "must": must, **times, **where}


def fired(
    rule: str, points: float, *starts: float, value: float | None = None
) -> dict[str, object]:
    times = [[round(start, 3), round(start + 1, 3)] for start in starts]
    return {"rule": rule, "points": points, "times": times, "value": value}


def measured(
    speaker: str, talk: dict[str, float], wpm: float, cuts: int, answers: float, asks: int
) -> dict[str, object]:
    return {
        "speaker": speaker,
        "talk_s": round(talk[speaker], 1),
        "talk_share": round(talk[speaker] / sum(talk.values()), 3),
        "words": round(wpm * talk[speaker] / 60),
        "words_per_minute": wpm,
        "turns": 8,
        "longest_monologue_s": 6.4,
        "interruptions": cuts,
        "response_median_s": answers,
        "response_p90_s": answers + 0.4,
        "questions": asks,
    }


def sounded(target: Path, segments: list[Segment], length_s: float) -> None:
    """Noise where somebody speaks, louder and softer by words; a beep where something is gone."""
    dice = random.Random(5)
    noise = [dice.uniform(-1, 1) for _ in range(RATE)]
    sound = array("h", bytes(4 * int(RATE * length_s)))
    for segment in segments:
        for word in segment.words:
            first, last = int(RATE * word.start), int(RATE * word.end)
            loud = 5000 if word.redacted else dice.uniform(4000, 14000)
            for at in range(first, last):
                shape = math.sin(math.pi * (at - first) / (last - first)) ** 0.5
                wave_ = math.sin(2 * math.pi * 1000 * at / RATE)
                value = loud * (wave_ if word.redacted else shape * noise[at % RATE])
                sound[2 * at + segment.channel] = int(value)
    with wave.open(str(target), "wb") as file:
        file.setnchannels(2)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(sound.tobytes())


async def stream(segments: list[Segment]) -> AsyncIterator[Segment]:
    for segment in segments:
        yield segment


asyncio.run(main(*sys.argv[1:]))
