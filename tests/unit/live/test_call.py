"""One running call against an engine that fails: it goes on, and says so."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from tests.unit.live.test_utterances import INFO

from twicetold.broker import Delivery, Foreign, Topic
from twicetold.choice.chain import Chain
from twicetold.engines import NOTHING_EXPECTED, Expected, Sound, Stream, Transcriber
from twicetold.errors import EngineFailed
from twicetold.live.call import _MOST_TAKEOVERS, LiveCall, LiveSettings
from twicetold.live.detection import Detector
from twicetold.live.endpointing import EndpointSettings
from twicetold.live.engines import Engines
from twicetold.live.inbox import Inbox, Item
from twicetold.live.ledger import Ledger
from twicetold.sessions import Record, State
from twicetold.speech.chunks import AudioChunk, Close, Finalize, parse_finals_message
from twicetold.speech.events import Caption, Kind
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Hypothesis, Word

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")
RATE = 8_000


class Constant:
    """A test double of a detector that finds every frame as likely to be speech."""

    frame_s = 0.032
    blocking = False

    def __init__(self, probability: float) -> None:
        self._probability = probability

    def start(self, rate: int) -> object:
        return None

    def frame_samples(self, rate: int) -> int:
        return 256

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], object]:
        return [self._probability] * (len(pcm) // 512), None


class HungStream:
    """A test double: answers with a timeout, after the backlog has grown beyond its bound."""

    def __init__(self, engine: HungEngine) -> None:
        self._engine = engine

    async def accept(self, pcm: bytes) -> Hypothesis:
        await self._engine.enough.wait()
        raise EngineFailed("no answer in time")

    async def finish(self) -> Hypothesis:
        raise EngineFailed("no answer in time")

    async def aclose(self) -> None:
        """Nothing to give back."""


class HungEngine:
    """A test double of an engine that hangs."""

    info = INFO

    def __init__(self) -> None:
        self.enough = asyncio.Event()

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        return HungStream(self)

    async def aclose(self) -> None:
        """Nothing to give back."""


class LoudIsSpeech(Constant):
    """A test double of a detector: a frame is speech unless it begins with a zero."""

    blocking = True

    def __init__(self) -> None:
        super().__init__(0.0)

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], object]:
        return [0.99 if pcm[at] else 0.0 for at in range(0, len(pcm), 512)], None


class DeafStream:
    """A test double: hears no words, and never comes back from its last."""

    def __init__(self, hangs: bool) -> None:
        self._hangs = hangs

    async def accept(self, pcm: bytes) -> Hypothesis:
        return Hypothesis()

    async def finish(self) -> Hypothesis:
        if self._hangs:
            await asyncio.Event().wait()
        return Hypothesis()

    async def aclose(self) -> None:
        """Nothing to give back."""


class DeafEngine(HungEngine):
    """A test double of an engine of such streams."""

    def __init__(self, *, hangs: bool) -> None:
        super().__init__()
        self._hangs = hangs

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        return DeafStream(self._hangs)


class Carrier:
    """A test double of broker, sessions and consumer at once: remembers."""

    def __init__(self) -> None:
        self.finals: list[Final] = []
        self.states: list[State] = []
        self.released = 0
        self.takeovers: list[int] = []
        self.settled: list[dict[str, Any]] = []
        self.told = Foreign()
        self.progress: list[int] = []

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> asyncio.Future[None]:
        if topic is Topic.CAPTIONS and (caption := Caption.from_bytes(value)).kind is Kind.PROGRESS:
            self.progress.append(int(caption.body()["sample"]))
        if topic is Topic.FINALS and isinstance(final := parse_finals_message(value), Final):
            self.finals.append(final)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    async def swap(self, key: CallKey, expected: object, changes: dict[str, Any]) -> None:
        if "state" in changes:
            self.states.append(changes["state"])
        if "takeovers" in changes:
            self.takeovers.append(changes["takeovers"])
        if "boundaries" in changes:
            self.settled.append(changes)

    def release(self, delivery: Delivery) -> None:
        self.released += 1

    @property
    def foreign(self) -> Foreign:
        return self.told

    def hold(self) -> None:
        """What was put is in memory already."""

    def free(self) -> None:
        """See hold."""


def live_call(
    carrier: Carrier,
    engine: HungEngine,
    *,
    activity: Constant | None = None,
    again: Chain[Transcriber] | None = None,
    **changes: Any,
) -> LiveCall:
    call: dict[str, Any] = {
        "key": KEY,
        "rate": RATE,
        "channels": 1,
        "language": "en",
        "encoding": "pcm_s16le",
        "input_rate": RATE,
        "token_hash": "",
        "started_at": 0.0,
    }
    record = Record(**call | changes)
    return LiveCall(
        record,
        Ledger(carrier, carrier, record, "fake"),  # type: ignore[arg-type]
        carrier,  # type: ignore[arg-type]
        Inbox(carrier),
        Engines(Chain.of(engine), again),
        Detector(activity or Constant(0.9)),
        LiveSettings(EndpointSettings()),
        None,
    )


async def test_an_engine_that_hangs_costs_its_utterance_and_not_the_call() -> None:
    carrier, engine = Carrier(), HungEngine()
    call = live_call(carrier, engine)
    running = asyncio.create_task(call.run())
    seconds = 14  # more than the backlog that a call may have
    step = RATE // 4
    for number in range(4 * seconds):
        chunk = AudioChunk(1, number * step, RATE, 1, b"\1\0" * step)
        call.inbox.put(Item(Delivery("p", number, KEY, b""), chunk, 2 * step))
    call.inbox.put(Item(Delivery("p", 4 * seconds, KEY, b""), Close(1, seconds * RATE), 13))
    late = Finalize(1, seconds * RATE)  # of a gateway that woke after the end
    call.inbox.put(Item(Delivery("p", 4 * seconds + 1, KEY, b""), late, 13))
    await asyncio.sleep(0.1)
    engine.enough.set()
    await asyncio.wait_for(running, 10)
    assert [final.failed for final in carrier.finals] == [True]
    assert carrier.states == [State.CLOSED]
    assert carrier.released == 4 * seconds + 2


async def test_deaths_are_forgotten_once_a_worker_has_outlived_what_it_took_over() -> None:
    """Counted from where it began to hear: the silence since the last utterance may be long."""
    carrier = Carrier()
    taken_up = {"owner": 3, "takeovers": 2, "boundaries": (RATE,), "utterances": (1,)}
    call = live_call(carrier, HungEngine(), activity=Constant(0.0), **taken_up)
    running = asyncio.create_task(call.run())
    for second in range(300, 350):
        if second == 340:
            await asyncio.sleep(0.1)
            assert carrier.takeovers == [3], "expected an utterance that may be under way to count"
        chunk = AudioChunk(1, second * RATE, RATE, 1, bytes(2 * RATE))
        call.inbox.put(Item(Delivery("p", second, KEY, b""), chunk, 2 * RATE))
    async with asyncio.timeout(10):
        while carrier.takeovers == [3]:
            await asyncio.sleep(0.01)
    assert carrier.takeovers == [3, 0]
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


def say(call: LiveCall, second: int, *speaks: bool) -> None:
    """One second of the call; who of its channels speaks."""
    frame = b"".join(b"\1\1" if each else bytes(2) for each in speaks)
    chunk = AudioChunk(1, second * RATE, RATE, len(speaks), frame * RATE)
    call.inbox.put(Item(Delivery("p", second, KEY, b""), chunk, len(frame) * RATE))


async def ended(running: asyncio.Task[None]) -> None:
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)


async def test_deaths_count_while_what_may_be_deadly_is_in_the_engine() -> None:
    """Sound is judged far ahead of what the engine comes back with."""
    carrier = Carrier()
    engine = DeafEngine(hangs=True)
    call = live_call(carrier, engine, activity=LoudIsSpeech(), owner=3, takeovers=2)
    running = asyncio.create_task(call.run())
    for second in range(60):
        say(call, second, 9 <= second < 32)
    async with asyncio.timeout(20):
        while call._session.judged < 59 * RATE:
            await asyncio.sleep(0.02)
    await asyncio.sleep(0.05)
    assert carrier.takeovers == [3]
    await ended(running)


async def test_poison_costs_each_channel_what_is_near_it_alone() -> None:
    """Neither what its other channel says much later, nor more than one utterance of each."""
    carrier = Carrier()
    engine = DeafEngine(hangs=False)
    call = live_call(
        carrier, engine, activity=LoudIsSpeech(), channels=2, owner=4, takeovers=_MOST_TAKEOVERS
    )
    running = asyncio.create_task(call.run())
    for second in range(110):
        say(call, second, 2 <= second < 4 or 8 <= second < 10, 100 <= second < 103)
    async with asyncio.timeout(20):
        while call._session.judged < 109 * RATE or call._runners[1].needed is not None:
            await asyncio.sleep(0.02)
    assert [(final.channel, final.utterance, final.failed) for final in carrier.finals] == [
        (0, 1, True)
    ]
    await ended(running)


async def test_sound_that_is_of_no_place_in_the_call_holds_nothing_up() -> None:
    carrier = Carrier()
    call = live_call(carrier, HungEngine(), activity=Constant(0.0))
    running = asyncio.create_task(call.run())
    say(call, 0, False)
    for rate, sample in ((2 * RATE, RATE), (RATE, 10**9)):
        chunk = AudioChunk(1, sample, rate, 1, bytes(2 * RATE))
        call.inbox.put(Item(Delivery("p", 1_000, KEY, b""), chunk, 2 * RATE))
    for second in range(1, 60):
        say(call, second, False)
    async with asyncio.timeout(20):
        while carrier.released < 45:
            await asyncio.sleep(0.02)
    assert carrier.told.count == 2
    await ended(running)


async def test_sound_that_comes_at_once_and_then_no_more_is_told_to_its_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As where a worker finds what was said before it came: else its client lags for ever."""
    monkeypatch.setattr("twicetold.live.call._PROGRESS_INTERVAL_S", 0.05)
    carrier, engine = Carrier(), DeafEngine(hangs=False)
    call = live_call(carrier, engine, activity=LoudIsSpeech())
    running = asyncio.create_task(call.run())
    for second in range(5):
        say(call, second, second > 2)
    async with asyncio.timeout(10):
        while not carrier.progress or carrier.progress[-1] < 5 * RATE - 256:  # a frame is whole
            await asyncio.sleep(0.01)
    told = list(carrier.progress)
    assert told == sorted(set(told))
    await asyncio.sleep(0.2)
    assert carrier.progress == told  # and no more, where there is no more to tell
    assert call._telling is None
    say(call, 5, False)
    await asyncio.sleep(0.02)
    await ended(running)
    after = list(carrier.progress)
    await asyncio.sleep(0.15)
    assert carrier.progress == after  # nothing of a call that this worker has left


class SlowToBelieve(Constant):
    """A test double of a detector that hears nothing but speech, and is certain of it only after
    two and a half seconds."""

    def start(self, rate: int) -> object:
        return 0

    def probabilities(self, state: object, pcm: bytes) -> tuple[list[float], object]:
        assert isinstance(state, int)
        frames = range(state, state + len(pcm) // 512)
        return [self._probability if frame >= 80 else 0.6 for frame in frames], frames.stop


async def settled(seconds: range, **taken_up: Any) -> list[dict[str, Any]]:
    """What a worker stores of a call of endless speech that it hears these seconds of, the last
    one being the call's."""
    carrier = Carrier()
    detector = SlowToBelieve(0.95)
    call = live_call(carrier, DeafEngine(hangs=False), activity=detector, **taken_up)
    for second in seconds:
        say(call, second, True)
    close = Close(1, seconds.stop * RATE)
    call.inbox.put(Item(Delivery("p", seconds.stop, KEY, b""), close, 13))
    async with asyncio.timeout(20):
        await call.run()
    kept = ("boundaries", "cuts", "utterances")
    return [{name: changes[name] for name in kept} for changes in carrier.settled]


async def test_who_takes_over_at_a_cut_stores_what_the_one_before_would_have() -> None:
    stored = await settled(range(70))
    assert len(stored) >= 3
    for number, before in enumerate(stored[:-1], 1):
        cut = before["boundaries"][0]
        assert before["cuts"] == (cut,)
        assert await settled(range(cut // RATE, 70), **before) == stored[number:]
    assert stored[-1]["boundaries"] == (70 * RATE,)
    assert stored[-1]["cuts"] == (0,), "the end of the call is none"


class SettlingStream:
    """A test double: hears a word each half second, and settles it a second later; fails once, in
    the middle of the utterance."""

    def __init__(self, name: str, fails_at_s: float) -> None:
        self._name, self._fails_at_s = name, fails_at_s
        self._samples = 0

    async def accept(self, pcm: bytes) -> Hypothesis:
        self._samples += len(pcm) // 2
        if self._samples / RATE > self._fails_at_s:
            raise EngineFailed("as the test wants")
        return self._heard()

    async def finish(self) -> Hypothesis:
        return self._heard()

    async def aclose(self) -> None:
        """Nothing to give back."""

    def _heard(self) -> Hypothesis:
        count = int(self._samples / RATE / 0.5)
        words = (Word(at / 2, at / 2 + 0.4, f"{self._name}{at}") for at in range(count))
        return Hypothesis(tuple(words), settled=max(0, count - 2))


class SettlingEngine(HungEngine):
    """A test double: the second stream of an utterance hears it in other words."""

    def __init__(self) -> None:
        super().__init__()
        self._streams = 0

    async def start_stream(
        self,
        rate: int,
        language: str,
        adaptation: str | None = None,
        expected: Expected = NOTHING_EXPECTED,
    ) -> Stream:
        self._streams += 1
        name, fails_at_s = ("one", 5.0) if self._streams == 1 else ("two", 60.0)
        return SettlingStream(name, fails_at_s)


class Listening(Carrier):
    """A test double that remembers partials as well."""

    def __init__(self) -> None:
        super().__init__()
        self.partials: list[dict[str, Any]] = []

    def publish(self, topic: Topic, key: CallKey, value: bytes) -> asyncio.Future[None]:
        if topic is Topic.CAPTIONS and (caption := Caption.from_bytes(value)).kind is Kind.PARTIAL:
            self.partials.append(dict(caption.body()))
        return super().publish(topic, key, value)


@pytest.mark.parametrize("seconds", [8, 38])
async def test_words_that_were_told_as_settled_stand_in_the_final(seconds: int) -> None:
    """Also where the engine fails and hears other words, and where the utterance is cut."""
    carrier = Listening()
    call = live_call(carrier, SettlingEngine(), activity=LoudIsSpeech())
    call._settings = replace(call._settings, partial_interval_s=0.0)
    running = asyncio.create_task(call.run())
    for second in range(seconds + 2):
        say(call, second, second < seconds)
        await asyncio.sleep(0.002)
    async with asyncio.timeout(20):
        while not carrier.finals or call._runners[0].needed is not None:
            await asyncio.sleep(0.01)
    await ended(running)
    final = carrier.finals[0].text.split()
    told = [
        each["text"].split()[: each["settled"]]
        for each in carrier.partials
        if each["utterance"] == carrier.finals[0].utterance
    ]
    assert [len(each) for each in told] == sorted(len(each) for each in told)
    assert all(final[: len(each)] == each for each in told)
    assert {word[:3] for word in final} == {"one", "two"}
    assert 8 <= len(told[-1]) < len(final)


class OtherEar(HungEngine):
    """A test double that hears each utterance again in one word of its own."""

    parallel = 1

    async def transcribe(self, sounds: Sequence[Sound], language: str) -> list[Hypothesis]:
        return [Hypothesis((Word(0.0, 0.5, "three"),)) for _ in sounds]


async def test_nothing_is_told_as_settled_where_another_engine_has_the_last_word() -> None:
    carrier = Listening()
    again: Chain[Transcriber] = Chain.of(OtherEar())
    call = live_call(carrier, SettlingEngine(), activity=LoudIsSpeech(), again=again)
    call._settings = replace(call._settings, partial_interval_s=0.0)
    running = asyncio.create_task(call.run())
    for second in range(6):
        say(call, second, second < 4)
        await asyncio.sleep(0.002)
    async with asyncio.timeout(20):
        while not carrier.finals:
            await asyncio.sleep(0.01)
    await ended(running)
    assert carrier.finals[0].text == "three"
    assert len(carrier.partials) > 1
    assert {each["settled"] for each in carrier.partials} == {0}
