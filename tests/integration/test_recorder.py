"""The recorder through deaths at awkward moments, on the real embedded carriers."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from obstore.store import LocalStore

from twicetold.broker import Consumer, Delivery, Foreign, Group, Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.errors import Conflict, Unavailable
from twicetold.live import call_recorder, dispatch
from twicetold.live import recorder as recorder_module
from twicetold.live.call_recorder import CallRecorder, Carriers
from twicetold.live.inbox import Inbox, Item
from twicetold.live.recorder import Recorder
from twicetold.live.recording import store_part
from twicetold.queue.sqlite import SqliteQueue
from twicetold.sessions import Record, State
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.chunks import (
    AudioChunk,
    Close,
    Ended,
    Open,
    finals_message,
    parse_log_message,
)
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Word
from twicetold.storage import local_path, recording_key
from twicetold.transcripts import NewCall, Status
from twicetold.transcripts.sqlite import SqliteTranscripts
from twicetold.transcripts.usage import UsageFilter, UsageGroup
from twicetold.webhooks import FAILED
from twicetold.webhooks.announcing import CallAnnouncer
from twicetold.webhooks.sqlite import SqliteOutbox

pytestmark = pytest.mark.integration

KEY = CallKey("acme", "call-1")
RATE = 8_000
CHUNK = RATE // 5


class Releases(Consumer):
    """A test double of a consumer: remembers what was released."""

    def __init__(self) -> None:
        self.released: set[int] = set()
        self.told = Foreign()

    @property
    def foreign(self) -> Foreign:
        return self.told

    async def receive(self) -> list[object]:  # type: ignore[override]
        return []

    def release(self, delivery: Delivery) -> None:
        self.released.add(delivery.position)

    def pause(self, partition: str) -> None:
        """What was put is in memory already."""

    def resume(self, partition: str) -> None:
        """See pause."""

    def rewind(self, partition: str) -> None:
        """Nothing is read."""

    def hold(self) -> None:
        """As a valve: see pause."""

    def free(self) -> None:
        """See hold."""

    async def aclose(self) -> None:
        """Nothing is held."""


def record(**changes: object) -> Record:
    return Record(
        key=KEY,
        rate=RATE,
        channels=1,
        language="en",
        encoding="pcm_s16le",
        input_rate=RATE,
        token_hash="",
        started_at=0.0,
        **changes,  # type: ignore[arg-type]
    )


def sound(seconds: int) -> bytes:
    return b"".join(bytes([number % 251, 1]) * CHUNK for number in range(5 * seconds))


def log_of(seconds: int) -> list[Delivery]:
    """Everything that a call of so many seconds leaves in the log."""
    pcm = sound(seconds)
    messages = [Open(1, RATE, 1, "en", "live", 0.0).to_bytes()]
    for at in range(0, seconds * RATE, CHUNK):
        piece = pcm[2 * at : 2 * (at + CHUNK)]
        messages.append(AudioChunk(1, at, RATE, 1, piece).to_bytes())
    messages.append(Close(1, seconds * RATE).to_bytes())
    return [Delivery("p", number, KEY, value) for number, value in enumerate(messages)]


@asynccontextmanager
async def carriers(directory: Path) -> AsyncIterator[Carriers]:
    broker = FileBroker(directory / "log")
    await broker.start()
    sessions = SqliteSessions(directory / "sessions.sqlite3")
    queue = SqliteQueue(directory / "queue.sqlite3")
    transcripts = SqliteTranscripts(directory / "transcripts.sqlite3")
    store = LocalStore(directory / "store", mkdir=True)
    try:
        yield Carriers(broker, sessions, transcripts, queue, store, directory / "spool")
    finally:
        for carrier in (transcripts, queue, sessions, broker):
            await carrier.aclose()


def inbox_of(consumer: Releases, deliveries: list[Delivery]) -> Inbox:
    inbox = Inbox(consumer)
    for delivery in deliveries:
        message = parse_log_message(delivery.value)
        inbox.put(Item(delivery._replace(value=b""), message, len(delivery.value)))
    return inbox


async def record_call(to: Carriers, deliveries: list[Delivery]) -> Releases:
    consumer = Releases()
    inbox = inbox_of(consumer, deliveries)
    await asyncio.wait_for(CallRecorder(KEY, to, consumer, inbox).run(), 30)
    return consumer


def recorded_file(to: Carriers) -> Path:
    return local_path(to.store, recording_key(KEY))


def recorded(to: Carriers) -> bytes:
    return recorded_file(to).read_bytes()[44:]


async def test_what_was_handed_over_is_not_written_again_from_what_the_log_repeats(
    tmp_path: Path,
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(130)
        await record_call(to, log)
        assert recorded(to) == sound(130)
        # The position was saved a second before the end: a restart reads the last part again.
        again = await record_call(to, log[-51:])
        assert recorded(to) == sound(130)
        assert again.released == {delivery.position for delivery in log[-51:]}
        assert len(await to.queue.jobs()) == 1


async def test_parts_become_the_recording_where_only_the_close_is_left_to_read(
    tmp_path: Path,
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(120)
        consumer = Releases()
        inbox = inbox_of(consumer, log[:-1])
        dying = asyncio.create_task(CallRecorder(KEY, to, consumer, inbox).run())
        async with asyncio.timeout(20):
            while len(consumer.released) < len(log) - 1:
                await asyncio.sleep(0.01)
        dying.cancel()
        await asyncio.gather(dying, return_exceptions=True)
        await record_call(to, log[-1:])
        assert recorded(to) == sound(120)


async def test_a_call_whose_record_vanished_becomes_a_recording(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        for delivery in log_of(2)[:-1]:
            await to.broker.publish("audio", KEY, delivery.value)  # type: ignore[arg-type]
        recorder = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        async with asyncio.timeout(20):
            while not await to.queue.jobs():
                await asyncio.sleep(0.02)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        assert recorded(to) == sound(2)
        call = await to.transcripts.call(KEY)
        assert call is not None
        assert call.recording == recording_key(KEY)


async def test_a_call_whose_record_vanishes_while_it_is_recorded_becomes_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SWEEP_INTERVAL_S", 0.1)
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        running = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        for delivery in log_of(2)[:-1]:
            await to.broker.publish(Topic.AUDIO, KEY, delivery.value)
        async with asyncio.timeout(20):
            while await to.transcripts.call(KEY) is None:
                await asyncio.sleep(0.01)
        await to.sessions.remove(KEY)  # as a store that was wiped does
        async with asyncio.timeout(20):
            while not await to.queue.jobs():
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert recorded(to) == sound(2)


async def test_a_close_asks_for_no_other_close(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        said: list[bytes] = []
        publish = to.broker.publish

        def counted(topic: Topic, key: CallKey, value: bytes) -> Awaitable[None]:
            said.append(value)
            return publish(topic, key, value)

        to.broker.publish = counted  # type: ignore[method-assign]
        await record_call(to, [log_of(1)[-1]])
        assert said == []
        await record_call(to, [log_of(1)[0], log_of(1)[-1]])  # its opening: it may not be over
        assert len(said) == 1
        await record_call(to, [log_of(1)[0], log_of(1)[-1]])  # read again, its row says it is done
        assert len(said) == 1


async def test_the_end_of_a_wordless_call_that_comes_before_its_opening_is_noted(
    tmp_path: Path,
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(state=State.CLOSED), 10)
        ended = finals_message(Ended(0, 3 * RATE, RATE, "counter"))
        await to.broker.publish(Topic.FINALS, KEY, ended)
        await to.broker.publish(Topic.FINALS, KEY, ended)  # once more, as after a death
        recorder = Recorder(to, abandon_after_s=60, device_of={"counter": "cpu"}.__getitem__)
        running = asyncio.create_task(recorder.run())
        by = [UsageGroup.PASS, UsageGroup.ENGINE, UsageGroup.DEVICE]
        async with asyncio.timeout(20):
            while not (used := (await to.transcripts.usage(UsageFilter(), by)).lines):
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        call = await to.transcripts.call(KEY)
        assert call is not None
        assert (call.length_s, call.ended_at is None) == (3, False)
        assert [(*line.group.values(), line.audio_s) for line in used] == [
            ("live", "counter", "cpu", 3.0)
        ]


async def test_the_record_holds_finals_until_they_are_told_however_often_that_fails(
    tmp_path: Path,
) -> None:
    final = Final(1, 0, 1, 0.0, 1.0, "yes", (Word(0.0, 1.0, "yes"),))
    told: list[tuple[int, int]] = []  # each time: the final, and how many the record held
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        await to.sessions.swap(KEY, {}, {"add_final": final, "event": 1})

        async def drafted(key: CallKey, finals: Sequence[Final]) -> None:
            held = await to.sessions.load(key)
            assert held is not None
            told.append((finals[0].event, len(held.finals)))
            if len(told) < 3:
                raise Unavailable("busy, says the test")

        recorder = Recorder(to, abandon_after_s=60, drafted=drafted)
        running = asyncio.create_task(recorder.run())
        await to.broker.publish(Topic.FINALS, KEY, finals_message(final))
        async with asyncio.timeout(20):
            while (held := await to.sessions.load(KEY)) is None or held.finals:
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [each.text for each in await to.transcripts.draft_finals(KEY)] == ["yes"]
    assert told == [(1, 1)] * 3


async def test_a_call_that_cannot_be_recorded_fails_alone_and_holds_nothing_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dispatch, "_FIRST_REWIND_S", 0.02)
    tries = 0

    async def broken(*_: object) -> None:
        nonlocal tries
        tries += 1
        raise RuntimeError("a mistake, says the test")

    monkeypatch.setattr(call_recorder, "assemble", broken)
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        for delivery in log_of(2):
            await to.broker.publish(Topic.AUDIO, KEY, delivery.value)
        outbox = SqliteOutbox(tmp_path / "webhooks.sqlite3")
        await outbox.add(KEY.tenant, "https://example.com/", [FAILED])
        announcer = CallAnnouncer(outbox, to.transcripts)
        recorder = Recorder(to, abandon_after_s=60, announcer=announcer)
        running = asyncio.create_task(recorder.run())
        async with asyncio.timeout(20):
            while (call := await to.transcripts.call(KEY)) is None or call.status != "failed":
                await asyncio.sleep(0.02)
        assert call.error_code == "recording_failed"
        event = (await outbox.claim()).delivery.event
        assert (event.type, event.data["error"]["code"]) == (FAILED, "recording_failed")
        await outbox.aclose()
        assert tries == 3
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await to.broker.aclose()
        again = FileBroker(tmp_path / "log")
        await again.start()
        reader = again.consume(Topic.AUDIO, Group.RECORD)
        items = await asyncio.wait_for(reader.receive(), 10)
        assert not [item for item in items if isinstance(item, Delivery)]  # all was let go
        await again.aclose()


async def test_sound_of_another_layout_or_of_no_place_is_passed_over(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(2)
        alien = AudioChunk(1, RATE // 5, RATE, 2, bytes(400)).to_bytes()
        far = AudioChunk(1, 2**40, RATE, 1, bytes(400)).to_bytes()
        between = [Delivery("p", 900 + n, KEY, value) for n, value in enumerate((alien, far))]
        consumer = await record_call(to, [*log[:2], *between, *log[2:]])
        assert recorded(to) == sound(2)
        assert {900, 901} <= consumer.released
        assert consumer.foreign.count == 2


async def test_stray_sound_at_the_very_beginning_costs_no_recording(tmp_path: Path) -> None:
    """What is known of the call is its record's, not what the first chunk says."""
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(2)
        alien = AudioChunk(1, 0, RATE, 2, bytes(400)).to_bytes()
        far = AudioChunk(1, 3_600 * RATE, RATE, 1, bytes(400)).to_bytes()
        first = [Delivery("p", 900 + n, KEY, value) for n, value in enumerate((alien, far))]
        consumer = await record_call(to, [log[0], *first, *log[1:]])
        assert recorded(to) == sound(2)
        assert consumer.foreign.count == 2


async def test_a_call_whose_recording_was_given_up_is_not_closed_again(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        closed = record(state=State.CLOSED, next_sample=65 * RATE)
        await to.sessions.create(closed, -3_600)
        consumer = to.broker.consume(Topic.AUDIO, Group.LIVE)
        await to.transcripts.begin_call(NewCall(KEY, 0.0, 1, "live", "en", RATE))
        await to.transcripts.set_status(KEY, Status.FAILED, "recording_failed", "as the test says")
        recorder = Recorder(to, abandon_after_s=60)
        for _ in range(3):
            await recorder._close_what_nobody_records()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(consumer.receive(), 0.3)
        await consumer.aclose()


@pytest.mark.parametrize("first", ["the client", "the sweep"])
async def test_a_resume_that_races_with_the_sweep_leaves_one_of_them_the_call(
    tmp_path: Path, first: str
) -> None:
    """Both have read the same record; whoever writes second has lost."""
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(next_sample=5 * RATE), -3_600)
        held = await to.sessions.load(KEY)
        assert held is not None
        consumer = to.broker.consume(Topic.AUDIO, Group.LIVE)
        resumed = {"epoch": held.epoch + 1, "lease_s": 15.0}
        known = {"state": State.OPEN, "epoch": held.epoch}
        recorder = Recorder(to, abandon_after_s=60)
        if first == "the client":
            await to.sessions.swap(KEY, known, resumed)
            await recorder._abandon(held)
            with pytest.raises(TimeoutError):
                await asyncio.wait_for(consumer.receive(), 0.3)
        else:
            await recorder._abandon(held)
            with pytest.raises(Conflict):
                await to.sessions.swap(KEY, known, resumed)
            batch: list[Delivery] = []
            while not batch:
                batch = [each for each in await consumer.receive() if isinstance(each, Delivery)]
            assert [parse_log_message(each.value) for each in batch] == [
                Close(held.epoch + 1, 5 * RATE)
            ]
        now = await to.sessions.load(KEY)
        assert now is not None
        assert now.state is (State.OPEN if first == "the client" else State.CLOSING)
        await consumer.aclose()


async def test_clients_get_their_time_to_return_after_a_long_downtime(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), -3_600)
        recorder = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        await asyncio.sleep(0.5)
        held = await to.sessions.load(KEY)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        assert held is not None
        assert held.state is State.OPEN


async def test_gateways_get_their_time_after_a_store_was_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorder_module, "_SWEEP_INTERVAL_S", 0.1)
    async with carriers(tmp_path) as to:
        away, sweeps = True, 0

        class Away(SqliteSessions):
            """A test double of a store that does not answer for a while."""

            async def sweep(self, abandoned_after_s: float) -> list[Record]:
                nonlocal sweeps
                sweeps += 1
                if away:
                    raise Unavailable("away, says the test")
                return await super().sweep(abandoned_after_s)

        sessions = Away(tmp_path / "others.sqlite3")
        await sessions.create(record(), -3_600)
        running = asyncio.create_task(
            Recorder(replace(to, sessions=sessions), abandon_after_s=0.5).run()
        )
        async with asyncio.timeout(20):
            while not sweeps:
                await asyncio.sleep(0.01)
        away, came_back = False, asyncio.get_running_loop().time()
        async with asyncio.timeout(20):
            while (await sessions.load(KEY)).state is State.OPEN:  # type: ignore[union-attr]
                await asyncio.sleep(0.01)
        assert asyncio.get_running_loop().time() - came_back > 0.4
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await sessions.aclose()


async def test_a_recorder_that_slept_through_the_end_writes_nothing_over_the_recording(
    tmp_path: Path,
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(130)
        consumer = Releases()
        inbox = inbox_of(consumer, log[:-1])
        slept = asyncio.create_task(CallRecorder(KEY, to, consumer, inbox).run())
        async with asyncio.timeout(20):
            while not inbox.empty:
                await asyncio.sleep(0.01)
        other = replace(to, spool_dir=tmp_path / "spool of another")
        await record_call(other, log)  # meanwhile: it takes the parts away
        inbox.put(Item(log[-1]._replace(value=b""), Close(1, 130 * RATE), 13))
        await asyncio.wait_for(slept, 60)
        assert recorded(to) == sound(130)
        assert len(await to.queue.jobs()) == 1
        assert consumer.released == {delivery.position for delivery in log}


async def test_a_recorder_that_slept_through_a_deletion_as_it_wrote_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        written = asyncio.Event()

        async def late(store: LocalStore, key: CallKey, number: int, pcm: bytes) -> None:
            await to.transcripts.bury(key)
            await to.sessions.remove(key)
            await store_part(store, key, number, pcm)
            written.set()

        monkeypatch.setattr(call_recorder, "store_part", late)
        running = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        for delivery in log_of(70)[:-1]:
            await to.broker.publish(Topic.AUDIO, KEY, delivery.value)
        async with asyncio.timeout(20):
            await written.wait()
            while (tmp_path / "store/parts/acme/call-1").exists():
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert not recorded_file(to).exists()


async def test_what_the_log_has_lost_becomes_silence_of_the_same_length(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(130)  # a chunk is 0.2 s; the first message opens the call
        await record_call(to, [log[0], *log[16:351], *log[401:]])
        whole, second = sound(130), 2 * RATE
        lost = [slice(0, 3 * second), slice(70 * second, 80 * second)]
        for stretch in lost:
            whole = (
                whole[: stretch.start] + bytes(stretch.stop - stretch.start) + whole[stretch.stop :]
            )
        assert recorded(to) == whole


async def test_a_call_that_ends_with_what_the_log_has_lost_is_as_long_as_it_was(
    tmp_path: Path,
) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(), 10)
        log = log_of(3)
        await record_call(to, [*log[:6], log[-1]])
        assert recorded(to) == sound(1) + bytes(2 * 2 * RATE)


async def test_a_close_that_the_log_has_lost_is_said_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("twicetold.live.recorder._SWEEP_INTERVAL_S", 0.1)
    async with carriers(tmp_path) as to:
        closed = record(state=State.CLOSED, next_sample=65 * RATE, event=1)
        await to.sessions.create(closed, -3_600)
        await store_part(to.store, KEY, 0, sound(60))
        recorder = asyncio.create_task(Recorder(to, abandon_after_s=0.3).run())
        async with asyncio.timeout(20):
            while not await to.queue.jobs():
                await asyncio.sleep(0.02)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        assert recorded(to) == sound(60) + bytes(5 * 2 * RATE)


async def test_finals_that_the_log_has_lost_are_drafted_from_the_record(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        finals = tuple(
            Final(n, 0, n, float(n), n + 0.5, "word", (Word(float(n), n + 0.5, "word", 1.0),))
            for n in range(1, 6)
        )
        await to.sessions.create(record(event=5, finals=finals), 10)
        recorder = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        for message in (finals[0], finals[3], Ended(5, 6 * RATE, RATE, "counter")):
            await to.broker.publish(Topic.FINALS, KEY, finals_message(message))
        async with asyncio.timeout(20):
            while (call := await to.transcripts.call(KEY)) is None or call.ended_at is None:
                await asyncio.sleep(0.02)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        assert await to.transcripts.draft_finals(KEY, 0) == list(finals)
        held = await to.sessions.load(KEY)
        assert held is not None
        assert held.finals == ()


async def test_finals_that_come_before_the_opening_are_in_the_draft(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        final = Final(1, 0, 1, 0.1, 0.5, "seven", (Word(0.1, 0.5, "seven", 1.0),))
        await to.sessions.create(record(event=1, finals=(final,)), 10)
        await to.broker.publish(Topic.FINALS, KEY, finals_message(final))
        recorder = asyncio.create_task(Recorder(to, abandon_after_s=60).run())
        async with asyncio.timeout(20):
            while (held := await to.sessions.load(KEY)) is None or held.finals:
                await asyncio.sleep(0.02)
        assert await to.transcripts.draft_finals(KEY, 0) == [final]
        for delivery in log_of(1):
            await to.broker.publish(Topic.AUDIO, KEY, delivery.value)
        async with asyncio.timeout(20):
            while not await to.queue.jobs():
                await asyncio.sleep(0.02)
        recorder.cancel()
        await asyncio.gather(recorder, return_exceptions=True)
        assert await to.transcripts.draft_finals(KEY, 0) == [final]


async def test_what_each_engine_computed_for_a_call_counts_once(tmp_path: Path) -> None:
    async with carriers(tmp_path) as to:
        await to.sessions.create(record(state=State.CLOSED, computed='{"counter": 1.5}'), 10)
        computed = {"counter": 1.5, "careful:big?device=cuda": 6.0, "enrichment:redact": 0.25}
        ended = finals_message(Ended(0, 3 * RATE, RATE, "counter", computed))
        for _ in range(2):  # once more, as after a death
            await to.broker.publish(Topic.FINALS, KEY, ended)
        recorder = Recorder(to, abandon_after_s=60, device_of=lambda label: label[:2])
        running = asyncio.create_task(recorder.run())
        by = [UsageGroup.ENGINE, UsageGroup.MODEL, UsageGroup.DEVICE]
        async with asyncio.timeout(20):
            while len((used := await to.transcripts.usage(UsageFilter(), by)).lines) < 3:
                await asyncio.sleep(0.02)
            while (kept := await to.sessions.load(KEY)) is None or kept.computed:
                await asyncio.sleep(0.02)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        used = await to.transcripts.usage(UsageFilter(), by)
        told = [(*line.group.values(), line.audio_s, line.compute_s) for line in used.lines]
        assert told == [
            ("careful", "big", "ca", 0.0, 6.0),
            ("counter", "", "co", 3.0, 1.5),
            ("enrichment", "redact", "cpu", 0.0, 0.25),
        ]
        assert (used.total.passes, used.total.attempts, used.total.compute_s) == (1, 1, 7.75)
