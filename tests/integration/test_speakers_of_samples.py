"""The sample calls, mixed to one channel: two synthetic voices each, told apart by the embedded
diarizer after the product's own activity detector."""

from __future__ import annotations

import pytest
from benchmarks.conversations import Conversation
from benchmarks.speakers import activity, diarized, sample_calls

from twicetold.enrich.speakers import assign, open_diarizer
from twicetold.speech.diarization_error import diarization_errors
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.integration

CALLS = list(sample_calls())


@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
@pytest.mark.slow
def test_two_voices_mixed_to_one_channel(call: Conversation):
    turns = diarized(open_diarizer("gmm"), call, activity(call))
    assert {turn.speaker for turn in turns} == {"1", "2"}
    assert diarization_errors(call.turns, turns).rate < 0.08


@pytest.mark.parametrize("call", CALLS, ids=[call.name for call in CALLS])
@pytest.mark.slow
def test_nearly_all_words_get_who_said_them(call: Conversation):
    """Words of half a second, throughout the call, as one segment that nobody has split."""
    said = [
        (Word(at, min(at + 0.5, turn.end), "word"), turn.speaker)
        for turn in call.turns
        for at in (turn.start + 0.5 * step for step in range(int((turn.end - turn.start) * 2)))
    ]
    said.sort(key=lambda each: each[0].start)
    words = tuple(word for word, _ in said)
    whole = Segment(1, 0, 0.0, call.length_s, " ".join(word.text for word in words), words)
    found = assign([whole], diarized(open_diarizer("gmm"), call, activity(call)))
    names = {part.speaker: {} for part in found}
    heard = [part.speaker for part in found for _ in part.words]
    for speaker, (_, really) in zip(heard, said, strict=True):
        names[speaker][really] = names[speaker].get(really, 0) + 1
    assert sum(max(counts.values()) for counts in names.values()) / len(words) > 0.95
