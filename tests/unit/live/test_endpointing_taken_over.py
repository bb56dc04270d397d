"""A live worker that takes a call over cuts what one that has heard all of it cuts, sample for
sample: at whichever stored boundary it begins, in whatever pieces the sound comes."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twicetold.live.endpointing import Begin, End, EndpointSettings, Hear, Rest
from twicetold.live.session import CallSession
from twicetold.speech.chunks import AudioChunk, Close, Finalize, LogMessage, Pause

pytestmark = pytest.mark.unit

RATE = 1_000
FRAME = 32
LOUD = 300

Sound = np.ndarray  # int16, one column a channel


class Inertia:
    """A test double of a detector that remembers: what it says of a frame depends on all before,
    and on how long it has listened, up to three seconds."""

    def __init__(self) -> None:
        self._level, self._frames = 0.0, 0

    def probabilities(self, pcm: bytes) -> list[float]:
        heard = []
        for frame in np.frombuffer(pcm, "<i2").reshape(-1, FRAME):
            self._frames += 1
            speech = float(np.abs(frame.astype(float)).mean() >= LOUD)
            self._level = 0.8 * self._level + 0.2 * speech
            heard.append(min(1.0, 1.5 * self._level * min(1.0, 0.5 + self._frames / 200)))
        return heard


@dataclass
class Said:
    """An utterance: where it lies, and the sound that its stream has heard."""

    number: int
    start: int
    speech: int
    needed: int
    pcm: bytes = field(default=b"", repr=False)
    end: int = -1
    boundary: int = -1
    cut: bool = False

    @property
    def place(self) -> tuple[int, int, int, int, int, int, bool]:
        heard = len(self.pcm) // 2
        return (
            self.number,
            self.start,
            self.speech,
            heard,
            self.end,
            self.boundary,
            self.cut,
        )


@dataclass
class Worker:
    """What one live worker makes of a log; ``stored`` are the boundaries it goes on from."""

    channels: int
    most_s: float
    stored: list[Said | None]
    said: list[list[Said]] = field(init=False)
    needed: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        self.said = [[] for _ in range(self.channels)]
        self._session = CallSession(
            RATE,
            self.channels,
            EndpointSettings(max_utterance_s=self.most_s),
            FRAME,
            boundaries=tuple(each.boundary if each else 0 for each in self.stored),
            utterances=tuple(each.number if each else 0 for each in self.stored),
            cut=tuple(each is not None and each.cut for each in self.stored),
        )
        self._detectors = [Inertia() for _ in range(self.channels)]

    def hear(self, message: LogMessage) -> None:
        self._perform(self._session.receive(message))

    def judge(self) -> None:
        while any(frames := self._session.unjudged()):
            for channel, anew in enumerate(self._session.anew):
                if anew:
                    self._detectors[channel] = Inertia()
            judged = [
                each.probabilities(pcm) for each, pcm in zip(self._detectors, frames, strict=True)
            ]
            for channel, probabilities in enumerate(judged):
                self._perform(self._session.judge(channel, probabilities))
        self.needed = self._session.needed

    def _perform(self, actions: list[Begin | Hear | End | Rest]) -> None:
        for action in actions:
            said = self.said[action.channel]
            if isinstance(action, Begin):
                place = (action.start_sample, action.speech_sample, action.needed)
                said.append(Said(action.utterance, *place))
            elif isinstance(action, Hear):
                assert said[-1].end == -1
                said[-1].pcm += action.pcm
            elif isinstance(action, End):
                assert said[-1].end == -1
                said[-1].end, said[-1].boundary = action.end_sample, action.boundary
                said[-1].cut = action.cut


def log_of(sound: Sound, marks: list[tuple[int, str]], sizes: list[int]) -> list[LogMessage]:
    """The sound in pieces of these sizes, over and over, with its marks where they belong."""
    messages: list[LogMessage] = []
    at, waiting, size = 0, sorted(marks), itertools.cycle(sizes)
    while at < len(sound) or waiting:
        while waiting and waiting[0][0] <= at:
            messages.append((Finalize if waiting.pop(0)[1] == "finalize" else Pause)(1, at))
        end = min(len(sound), at + next(size), *(mark for mark, _ in waiting))
        if end > at:
            pcm = sound[at:end].tobytes()
            messages.append(AudioChunk(1, at, RATE, sound.shape[1], pcm))
        at = end
    return [*messages, Close(1, len(sound))]


def end_sample(message: LogMessage) -> int:
    return message.end_sample if isinstance(message, AudioChunk) else message.sample  # type: ignore[union-attr]


def successor(
    dead: Worker, lost: list[int], log: list[LogMessage], *, older: int = 0, at_once: int = 1
) -> Worker:
    """Takes over from one that has died where it stands, with its last finals unstored (how many,
    a channel), and hears the rest of the log, from ``older`` messages before what it needs."""
    stored: list[Said | None] = []
    lowest = min(dead.needed)
    for said, unstored in zip(dead.said, lost, strict=True):
        kept = max(0, sum(each.end >= 0 for each in said) - unstored)
        stored.append(said[kept - 1] if kept else None)
        if kept < len(said):
            lowest = min(lowest, said[kept].needed)
    heard = Worker(dead.channels, dead.most_s, stored)
    begins = next(at for at, message in enumerate(log) if end_sample(message) > lowest)
    for number, message in enumerate(log[max(0, begins - older) :]):
        heard.hear(message)
        if number % at_once == 0 or isinstance(message, Close):
            heard.judge()
    return heard


def check_same(undisturbed: Worker, heard: Worker) -> None:
    for channel, last in enumerate(heard.stored):
        expected = [each.place for each in undisturbed.said[channel]]
        found = [each.place for each in heard.said[channel]]
        assert found == expected[last.number if last else 0 :], f"behind {last}"


STRETCHES = st.lists(
    st.tuples(st.integers(100, 6_000), st.sampled_from([400, 900, 2_000]), st.integers(1, 2_500)),
    min_size=1,
    max_size=6,
)
MARKS = st.lists(  # how far behind the end of which stretch's speech
    st.tuples(
        st.integers(0, 5), st.integers(-400, 700), st.sampled_from(["pause", "pause", "finalize"])
    ),
    max_size=6,
)
SIZES = st.lists(st.integers(15, 700), min_size=1, max_size=4)


def spoken(stretches: list[tuple[int, int, int]], seed: int) -> Sound:
    """Speech (samples, loudness) and the quiet behind it (samples), with dips to cut it at."""
    chance = np.random.default_rng(seed)
    parts = []
    for length, loudness, gap in stretches:
        speech = np.full(length, loudness)
        for dip in chance.integers(0, length, length // 700):
            speech[dip : dip + chance.integers(20, 120)] //= chance.integers(2, 9)
        parts += [speech, np.full(gap, 20)]
    return np.concatenate(parts).astype("<i2")


def placed(
    stretches: list[tuple[int, int, int]], near: list[tuple[int, int, str]], length: int
) -> list[tuple[int, str]]:
    starts = [0, *itertools.accumulate(speech + gap for speech, _, gap in stretches)]
    ends = [start + speech for start, (speech, _, _) in zip(starts, stretches, strict=False)]
    return [
        (min(length, max(0, ends[number % len(ends)] + offset)), kind)
        for number, offset, kind in near
    ]


@settings(deadline=None, max_examples=100)
@given(
    st.lists(STRETCHES, min_size=1, max_size=2),
    MARKS,
    st.sampled_from([2.0, 3.5]),
    SIZES,
    SIZES,
    st.integers(0, 2**16),
    st.data(),
)
@pytest.mark.slow
def test_whoever_takes_over_cuts_the_same_utterances(
    channels: list[list[tuple[int, int, int]]],
    near: list[tuple[int, int, str]],
    most_s: float,
    sizes: list[int],
    others: list[int],
    seed: int,
    data: st.DataObject,
) -> None:
    sides = [spoken(stretches, seed + number) for number, stretches in enumerate(channels)]
    sound = np.zeros((max(map(len, sides)), len(sides)), "<i2")
    for channel, side in enumerate(sides):
        sound[: len(side), channel] = side
    marks = placed(channels[0], near, len(sound))
    log, again = (log_of(sound, marks, each) for each in (sizes, others))
    dies = set(data.draw(st.lists(st.integers(0, len(log) - 2), min_size=1, max_size=4)))
    undisturbed = Worker(len(sides), most_s, [None] * len(sides))
    taken_over: list[Worker] = []
    for number, message in enumerate(log):
        undisturbed.hear(message)
        undisturbed.judge()
        if number in dies:
            lost = [data.draw(st.integers(0, 2)) for _ in sides]
            older, at_once = data.draw(st.integers(0, 3)), data.draw(st.integers(1, 8))
            taken_over.append(successor(undisturbed, lost, again, older=older, at_once=at_once))
    for channel, said in enumerate(undisturbed.said):
        for each in said:
            assert each.pcm == sound[each.start :, channel].tobytes()[: len(each.pcm)]
            assert each.start <= each.end <= each.boundary
        for one, following in itertools.pairwise(said):
            assert following.start == one.boundary if one.cut else following.start >= one.boundary
    for heard in taken_over:
        check_same(undisturbed, heard)


@pytest.mark.parametrize("loud_s", [2.5, 4.0])
def test_where_sound_breaks_off_both_find_the_same_silence_behind_the_cut(loud_s: float) -> None:
    """The detector that began anew at the cut may hear that speech had ended before the pause."""
    ended = 0
    for silence in range(0, 20 * FRAME, FRAME // 2):
        sound = spoken([(int(loud_s * RATE), 400, silence), (1_500, 400, 900)], seed=5)[:, None]
        pause = int(loud_s * RATE) + silence
        log = log_of(sound, [(pause, "pause")], [100])
        undisturbed, taken_over = Worker(1, 30.0, [None]), []
        for message in log:
            undisturbed.hear(message)
            undisturbed.judge()
            if isinstance(message, Pause):
                ended += len(undisturbed.said[0]) == 2 and undisturbed.said[0][1].end >= 0
                taken_over = [successor(undisturbed, [lost], log) for lost in (0, 1)]
        for heard in taken_over:
            check_same(undisturbed, heard)
    assert ended, "expected an utterance that began at the cut to end at the pause"


def cuts_before(sound: Sound, marks: list[tuple[int, str]], most_s: float) -> int:
    """How many of its cuts lie before a mark that had been met already; whoever takes over does
    alike."""
    log = log_of(sound, marks, [100])
    undisturbed, taken_over, found = Worker(1, most_s, [None]), [], set()
    for message in log:
        undisturbed.hear(message)
        undisturbed.judge()
        met = [mark for mark, _ in marks[:1] if mark < end_sample(message)]
        found |= {
            each.end for each in undisturbed.said[0] if each.cut and each.end < min(met, default=0)
        }
        if not isinstance(message, Close):
            taken_over += [successor(undisturbed, [lost], log) for lost in (0, 1)]
    for heard in taken_over:
        check_same(undisturbed, heard)
    return len(found)


@pytest.mark.slow
def test_a_pause_behind_a_cut_that_is_made_later_is_met_again() -> None:
    """The monologue is cut in a gap before the pause, when that has long been met."""
    sound = spoken([(1_250, 400, 310), (3_000, 400, 600)], seed=1)[:, None]
    pauses = range(1_450, 1_900, FRAME)
    assert sum(cuts_before(sound, [(pause, "pause")], 2.0) for pause in pauses) > 5


@pytest.mark.slow
def test_a_flush_in_silence_behind_a_cut_that_is_made_later_is_met_again() -> None:
    """What breaks off is cut in its pre-roll, which reaches back behind the flush."""
    sound = spoken([(1, 20, 1_000), (3_000, 400, 600)], seed=1)[:, None]
    pauses = range(2_900, 3_156, FRAME)
    marks = [[(995, "finalize"), (pause, "pause")] for pause in pauses]
    assert sum(cuts_before(sound, each, 30.0) for each in marks) > 0
