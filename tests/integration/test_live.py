"""The live pass over real sockets: what a client is promised, and what is kept of its call."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.servers import free_port
from tests.integration import live_harness as harness
from tests.integration.live_harness import RATE, Served, call, recording, serving, talk, wire, words
from tests.tree import below
from websockets.exceptions import ConnectionClosed

from twicetold.broker import Topic
from twicetold.broker.file.broker import FileBroker
from twicetold.client import ApiClient, LiveClient
from twicetold.engines import opening
from twicetold.engines.counter import COUNTER_INFO, CounterEngine
from twicetold.engines.registry import ENGINES, Engine
from twicetold.engines.stream_adapter.engine import AdaptedEngine
from twicetold.engines.stream_adapter.window import WindowSettings
from twicetold.errors import TwicetoldError, Unavailable
from twicetold.live import recorder
from twicetold.sessions.sqlite import SqliteSessions
from twicetold.speech.chunks import AudioChunk, parse_log_message

pytestmark = pytest.mark.integration

STEP_BYTES = RATE // 10 * 2  # 100 ms


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("live") / "data") as served:
        yield served


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server whose patience is short, so that a test's need not be long."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recorder, "_SWEEP_INTERVAL_S", 0.1)
        directory = tmp_path_factory.mktemp("hasty") / "data"
        with serving(directory, finalize_after_s=0.4, lease_s=0.5, abandon_after_s=0.3) as served:
            yield served


@pytest.fixture(scope="module")
def patient(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server that tells soon what was said, and waits long for its clients."""
    with serving(tmp_path_factory.mktemp("patient") / "data", finalize_after_s=0.4) as served:
        yield served


# --- captions ------------------------------------------------------------------------------


async def test_a_call_is_told_twice(server: Served) -> None:
    sound, numbers = talk(1, 9)
    async with call(server, "told") as client:
        await client.play(sound)
        finals = await client.finish()
    assert words(finals) == numbers
    assert [final["event"] for final in finals] == [1, 2, 3]
    assert await recording(server, "told") == sound
    assert await harness.transcript(server, "told", "draft") == numbers
    assert await harness.transcript(server, "told", "canonical") == numbers


async def test_both_passes_of_a_call_tell_what_they_computed(server: Served) -> None:
    sound, _ = talk(1, 9)
    async with call(server, "computed") as client:
        await client.play(sound)
        await client.finish()
    await harness.settled(server, "computed")
    rows: dict[str, dict[str, Any]] = {}
    async with server.client() as api, asyncio.timeout(10):
        while len(rows) < 2:
            asked = {"group": "call,pass", "limit": "1000"}
            told = (await api.get("/v1/usage", params=asked)).json()["rows"]
            rows = {row["pass"]: row for row in told if row["call"] == "computed"}
            await asyncio.sleep(0.05)
    length_s = len(sound) / 2 / RATE
    for row in rows.values():
        assert row["audio_s"] == pytest.approx(length_s, abs=0.001)
        assert (row["passes"], row["attempts"]) == (1, 1)
        assert 0.0 < row["compute_s"] < length_s


async def test_words_have_the_times_at_which_they_were_spoken(server: Served) -> None:
    lead_s = 0.65
    sound, numbers = talk(1, 3)
    async with call(server, "times") as client:
        await client.play(bytes(int(lead_s * RATE) * 2) + sound)
        (final,) = await client.finish()
    assert words([final]) == numbers
    for index, word in enumerate(final["words"]):
        assert word["start"] == pytest.approx(lead_s + 0.17 * index, abs=0.005)
        assert word["end"] == pytest.approx(word["start"] + 0.12, abs=0.01)
    assert (final["start"], final["end"]) == (
        final["words"][0]["start"],
        final["words"][-1]["end"],
    )
    assert final["text"] == "1 2 3"
    started = next(event for event in client.seen if event["type"] == "speech_started")
    assert started["start"] == pytest.approx(lead_s, abs=0.05)


async def test_partials_grow_into_their_final(server: Served) -> None:
    sound, numbers = talk(10, 8, group=8)
    async with call(server, "partials") as client:
        for at in range(0, len(sound), STEP_BYTES):
            await client.send(sound[at : at + STEP_BYTES])
            await asyncio.sleep(0.02)
        (final,) = await client.finish()
    kinds = [event["type"] for event in client.seen if event["type"] != "ack"]
    assert kinds[:2] == ["ready", "speech_started"]
    partials = [event for event in client.seen if event["type"] == "partial"]
    assert partials, "expected partials before the final"
    for partial in partials:
        heard = partial["text"].split()
        assert heard == numbers[: len(heard)]
        assert (partial["channel"], partial["utterance"]) == (0, final["utterance"])
        assert partial["start"] == pytest.approx(final["start"], abs=0.01)
    assert client.seen.index(partials[-1]) < client.seen.index(final)


@pytest.mark.slow
async def test_words_that_are_told_as_settled_stand_in_the_final(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an engine that is live in windows, in a monologue that is cut after the fact."""
    windows = WindowSettings(tick_s=0.3, trim_s=2.0, longest_s=4.0)
    adapted = Engine(COUNTER_INFO, inline=lambda: AdaptedEngine(CounterEngine(), windows))
    monkeypatch.setitem(ENGINES, "counter", adapted)
    sound, numbers = talk(10, 50, group=50)
    with serving(tmp_path / "data", max_utterance_s=5, partial_interval_ms=50) as server:
        async with call(server, "settled") as client:
            for at in range(0, len(sound), STEP_BYTES):
                await client.send(sound[at : at + STEP_BYTES])
                await asyncio.sleep(0.02)
            finals = await client.finish()
    assert words(finals) == numbers
    assert len(finals) >= 2, "expected the monologue to be cut"
    final_words = {final["utterance"]: final["text"].split() for final in finals}
    told = [event for event in client.seen if event["type"] == "partial" and event["settled"]]
    assert told, "expected settled words before the final"
    for partial in told:
        settled = partial["text"].split()[: partial["settled"]]
        assert final_words[partial["utterance"]][: len(settled)] == settled


async def test_what_comes_to_no_words_is_taken_back(server: Served) -> None:
    """A tone that is no number: it begins as speech, and nothing was said."""
    beep = np.round(9_000 * np.sin(2 * np.pi * 700 / RATE * np.arange(RATE // 2))).astype("<i2")
    sound, numbers = talk(1, 3)
    async with call(server, "beep") as client:
        await client.play(beep.tobytes() + bytes(2 * RATE) + sound)
        assert words(await client.finish()) == numbers
    (taken_back,) = [event for event in client.seen if event["type"] == "no_words"]
    started = next(event for event in client.seen if event["type"] == "speech_started")
    assert taken_back == {"type": "no_words", "channel": 0, "utterance": started["utterance"]}


async def test_finalize_ends_an_utterance_in_the_middle_of_speech(server: Served) -> None:
    sound, numbers = talk(1, 6, group=6)
    spoken = int((0.17 * 3 - 0.02) * RATE) * 2  # three words, and no silence to speak of
    async with call(server, "finalize") as client:
        await client.play(sound[:spoken])
        await client.say("finalize")
        first = await client.until("final")
        assert words([first]) == numbers[:3]
        await client.play(sound[spoken:])
        assert words(await client.finish()) == numbers


async def test_each_channel_has_its_own_utterances(server: Served) -> None:
    left, left_numbers = talk(100, 9, group=3)
    right, right_numbers = talk(900, 8, group=4, pause_s=1.1)
    sound = harness.stereo(left, bytes(int(0.5 * RATE) * 2) + right)
    async with call(server, "stereo", channels=2) as client:
        await client.play(sound, 12_800)
        finals = await client.finish()
    assert [final["event"] for final in finals] == list(range(1, len(finals) + 1))
    for channel, numbers in enumerate((left_numbers, right_numbers)):
        own = [final for final in finals if final["channel"] == channel]
        assert words(own) == numbers
        assert [final["utterance"] for final in own] == list(range(1, len(own) + 1))
    second = next(final for final in finals if final["channel"] == 1)
    assert second["start"] == pytest.approx(0.5, abs=0.01)
    assert await recording(server, "stereo") == sound


async def test_two_channels_with_the_same_sound_are_told_once(server: Served) -> None:
    sound, numbers = talk(1, 9)
    both = harness.stereo(sound, sound)
    async with call(server, "dual-mono", channels=2) as client:
        await client.play(both, 12_800)
        finals = await client.finish()
    assert words(finals) == numbers
    assert {final["channel"] for final in finals} == {0}
    assert await recording(server, "dual-mono") == both


async def test_acks_never_outrun_the_broker(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = 0  # samples that the broker has said it has
    publish = FileBroker.publish

    async def slow(answer: Awaitable[None], end_sample: int) -> None:
        nonlocal stored
        await answer
        await asyncio.sleep(0.3)
        stored = end_sample

    def published(self: FileBroker, topic: Topic, key: Any, value: bytes) -> Awaitable[None]:
        answer = publish(self, topic, key, value)
        message = parse_log_message(value) if topic is Topic.AUDIO else None
        if key.call_id != "acks" or not isinstance(message, AudioChunk):
            return answer
        return asyncio.ensure_future(slow(answer, message.end_sample))

    monkeypatch.setattr(FileBroker, "publish", published)
    sound, numbers = talk(1, 9)
    last = -(-len(sound) // STEP_BYTES) - 1
    async with call(server, "acks") as client:
        sending = asyncio.create_task(client.play(sound, STEP_BYTES))
        acks = []
        while not acks or acks[-1] < last:
            acks.append((await client.until("ack"))["seq"])
            assert min((acks[-1] + 1) * STEP_BYTES, len(sound)) // 2 <= stored
        await sending
        assert words(await client.finish()) == numbers
    assert acks == sorted(set(acks))


async def test_stop_is_the_end_also_of_a_call_without_sound(server: Served) -> None:
    async with call(server, "silent") as client:
        assert await client.finish() == []
    assert client.seen[-1] == {"type": "done", "call_id": "silent", "event": 0}
    assert (await harness.settled(server, "silent"))["status"] == "done"


async def test_a_call_that_names_no_id_is_given_one(server: Served) -> None:
    async with wire(server) as client:
        ready = await client.ready()
        await client.finish()
    assert (await harness.settled(server, ready["call_id"]))["status"] == "done"


@pytest.mark.parametrize("how", ["close", "cut"])
@pytest.mark.parametrize("encoding", ["pcm_s16le", "webm"])
async def test_a_client_may_leave_as_soon_as_it_has_said_stop(
    server: Served, encoding: str, how: str
) -> None:
    """As a browser does whose page is closed: the end of its sound is not left behind."""
    call_id = f"leaves-{encoding}-{how}"
    sound, numbers = talk(1, 9)
    async with call(server, call_id, encoding=encoding) as client:
        await client.play(sound if encoding == "pcm_s16le" else harness.opus(sound, encoding))
        await client.say("stop")
        if how == "close":
            await client.socket.close()
        else:
            await client.acked(client.next_seq - 1)  # what was cut off in the cable is not sent
            client.cut()
    assert (await harness.settled(server, call_id))["status"] == "done"
    assert await harness.transcript(server, call_id, "draft") == numbers
    assert await harness.transcript(server, call_id, "canonical") == numbers


# --- encodings -----------------------------------------------------------------------------


@pytest.mark.parametrize("rate", [8_000, 11_025, 22_050, 44_100, 48_000])
@pytest.mark.slow
async def test_pcm_of_any_usual_rate(server: Served, rate: int) -> None:
    call_id = f"pcm-{rate}"
    sound, numbers = talk(1, 6)
    sent = harness.resampled(sound, rate)
    async with call(server, call_id, sample_rate=rate) as client:
        await client.play(sent, 2 * (rate // 7))
        assert words(await client.finish()) == numbers
    kept = await recording(server, call_id)
    if rate == 8_000:
        assert kept == sent
    else:
        assert len(kept) // 2 == round(len(sent) // 2 * RATE / rate)


@pytest.mark.parametrize("rate", [8_000, 16_000])
async def test_mulaw(server: Served, rate: int) -> None:
    sound, numbers = talk(1, 6, rate)
    async with call(server, f"mulaw-{rate}", encoding="mulaw", sample_rate=rate) as client:
        await client.play(harness.to_mulaw(sound), rate // 5)
        assert words(await client.finish()) == numbers
    assert len(await recording(server, f"mulaw-{rate}")) == len(sound)


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_a_container_stream(server: Served, container: str) -> None:
    sound, numbers = talk(1, 9)
    stream = harness.opus(sound, container)
    async with call(server, container, encoding=container) as client:
        await client.play(stream, 1_777)
        assert words(await client.finish()) == numbers
    assert abs(len(await recording(server, container)) - len(sound)) <= 2 * RATE // 50


# --- followers -----------------------------------------------------------------------------


async def test_followers_see_the_same_from_wherever_they_come_in(server: Served) -> None:
    sound, numbers = talk(1, 12)
    half = len(sound) // 2
    async with call(server, "followed") as client, ApiClient(server.url) as api:
        early = asyncio.create_task(_follow(api, "followed", 0))
        await client.play(sound[:half])
        await client.until("final")
        late = asyncio.create_task(_follow(api, "followed", 1))
        await client.play(sound[half:])
        finals = await client.finish()
        told_early, told_late = await asyncio.gather(early, late)
    assert words(finals) == numbers
    assert [event for event in told_early if event["type"] == "final"] == finals
    assert [event for event in told_late if event["type"] == "final"] == finals[1:]
    for told in (told_early, told_late):
        assert [event["type"] for event in told].count("done") == 1
        assert (told[-1]["type"], told[-1]["status"]) == ("status", "done")


async def _follow(api: ApiClient, call_id: str, after: int) -> list[dict[str, Any]]:
    while True:
        try:
            return [event async for event in api.events(call_id, after=after)]
        except TwicetoldError as error:
            if error.code != "call_not_found":  # the call begins a moment later
                raise


# --- resuming ------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_a_call_that_is_cut_off_again_and_again(server: Served, seed: int) -> None:
    chance = random.Random(seed)
    call_id = f"cut-{seed}"
    layout: dict[str, Any] = {"encoding": "pcm_s16le"}
    sound, numbers = talk(1, 30)
    if seed == 3:
        layout = {"channels": 2}
        sound = harness.stereo(sound, bytes(400) + talk(500, 24)[0])
    bounds = [0]
    while bounds[-1] < len(sound):
        bounds.append(min(len(sound), bounds[-1] + 4 * chance.randint(100, 4_000)))
    finals: list[harness.Event] = []
    session = ""
    for _ in range(6):
        resume = {"session": session, "event": len(finals)} if session else {}
        async with call(server, call_id, **layout, **resume) as client:
            session = client.session
            leave_at = min(len(bounds) - 1, client.next_seq + chance.randint(0, len(bounds) // 5))
            listening = asyncio.create_task(_listen(client))
            for seq in range(client.next_seq, leave_at):
                await client.send(sound[bounds[seq] : bounds[seq + 1]])
            await asyncio.sleep(chance.choice([0, 0.01, 0.1, 0.3]))
            client.cut()
            await listening
        finals += client.finals
    async with call(server, call_id, **layout, session=session, event=len(finals)) as client:
        for seq in range(client.next_seq, len(bounds) - 1):
            await client.send(sound[bounds[seq] : bounds[seq + 1]])
        finals += await client.finish()
    assert [final["event"] for final in finals] == list(range(1, len(finals) + 1))
    assert words([final for final in finals if final["channel"] == 0]) == numbers
    assert await recording(server, call_id) == sound


async def _listen(client: harness.Wire) -> None:
    try:
        while True:
            await client.next()
    except ConnectionClosed:
        return


async def test_a_resampled_call_resumes_without_a_seam(server: Served) -> None:
    """The connection before kept a little sound back; nothing of it may be missing or doubled."""
    sound, numbers = talk(1, 12)
    sent = harness.resampled(sound, 44_100)
    step = 2 * 4_410
    async with call(server, "seam", sample_rate=44_100) as client:
        for at in range(0, 30 * step, step):
            await client.send(sent[at : at + step])
        await client.acked(20)
        client.cut()
    resume = {"session": client.session, "event": len(client.finals)}
    async with call(server, "seam", sample_rate=44_100, **resume) as second:
        assert 21 <= second.next_seq <= 30
        await second.play(sent[second.next_seq * step :], step)
        finals = client.finals + await second.finish()
    assert words(finals) == numbers
    assert len(await recording(server, "seam")) // 2 == round(len(sent) // 2 * RATE / 44_100)


async def test_resuming_after_done_tells_the_rest_again(server: Served) -> None:
    sound, _ = talk(1, 9)
    async with call(server, "after-done") as client:
        await client.play(sound)
        finals = await client.finish()
    for seen in range(len(finals) + 1):
        async with call(server, "after-done", session=client.session, event=seen) as again:
            assert again.next_seq == client.next_seq
            assert (await again.until("done"))["event"] == len(finals)
            assert await again.close_code() == 1000
        assert again.finals == finals[seen:]


@pytest.mark.slow
async def test_stop_said_again_after_a_cut_is_no_error(server: Served) -> None:
    """A client that lost the connection before ``done`` repeats what was not acknowledged."""
    sound, numbers = talk(1, 9)
    async with call(server, "stop-twice") as client:
        await client.play(sound)
        await client.say("stop")
        client.cut()
    async with call(server, "stop-twice", session=client.session, event=0) as again:
        with contextlib.suppress(ConnectionClosed):  # it may be over by now
            await again.play(sound[again.next_seq * 6400 :])
            await again.say("stop")
        await again.until("done")
        assert words(again.finals) == numbers
    assert await recording(server, "stop-twice") == sound


@pytest.mark.slow
async def test_a_stop_that_waits_for_the_engine_ends_without_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The position that was due when the client stopped is not written into a closing call."""
    monkeypatch.setattr(opening, "open_live", harness.slow_engine(0.3))
    sound, numbers = talk(1, 9)
    with serving(tmp_path / "data") as server:
        async with call(server, "late-done") as client:
            await client.play(sound)
            assert words(await client.finish()) == numbers
            assert not [event for event in client.seen if event["type"] == "error"]
        # Closing is not closed: whoever comes back meanwhile waits for the rest, and may stop.
        async with call(server, "closing") as client:
            await client.play(sound)
            await client.say("stop")
            await client.acked(client.next_seq - 1)
            client.cut()
        async with call(server, "closing", session=client.session) as again:
            assert again.next_seq == client.next_seq
            assert words(await again.finish()) == numbers


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_a_container_resumes_afresh_after_a_gap(server: Served, container: str) -> None:
    call_id = f"resumed-{container}"
    before, first_numbers = talk(1, 9)
    after, second_numbers = talk(500, 9)
    async with call(server, call_id, encoding=container) as client:
        await client.play(harness.opus(before, container), 2_000)
        while len(client.finals) < 2:
            await client.next()
        client.cut()
    cut_at = time.monotonic()
    seen = len(client.finals)
    async with call(
        server, call_id, encoding=container, session=client.session, event=seen
    ) as second:
        gap = await second.until("gap")
        assert 0 <= gap["at"] <= len(before) / 2 / RATE
        away_s = time.monotonic() - cut_at
        await second.play(harness.opus(after, container), 2_000)
        finals = client.finals + await second.finish()
    heard = words(finals)
    assert heard[-len(second_numbers) :] == second_numbers
    assert heard[: len(heard) - 9] == first_numbers[: len(heard) - 9]
    kept_s = len(await recording(server, call_id)) / 2 / RATE
    whole_s = gap["at"] + len(after) / 2 / RATE
    assert whole_s - 0.1 <= kept_s <= whole_s + away_s + 0.5  # the server saw the cut later


@pytest.mark.slow
async def test_who_comes_back_again_and_again_makes_no_sound(server: Served) -> None:
    """A gap is as long as nothing was heard: all of them last no longer than the call."""
    sound, numbers = talk(1, 6)
    began, options = time.monotonic(), {"encoding": "webm"}
    async with call(server, "again-and-again", **options) as client:
        await client.play(harness.opus(sound + bytes(64_000), "webm"), 2_000)
        while len(words(client.finals)) < len(numbers):
            await client.next()
        client.cut()
    options["session"] = client.session
    for left in (True, False) * 6:
        async with call(server, "again-and-again", **options) as empty:
            await empty.until("gap")
            if left:
                empty.cut()
            else:  # the next one takes the call from a connection that is there still
                async with call(server, "again-and-again", **options) as next_one:
                    await next_one.until("gap")
    async with call(server, "again-and-again", **options) as last:
        assert words(await last.finish()) == numbers
    lasted_s = time.monotonic() - began
    kept_s = len(await recording(server, "again-and-again")) / 2 / RATE
    assert kept_s < 2.0 + len(sound) / 2 / RATE + lasted_s


async def test_large_pieces_of_a_container_leave_no_new_sound_behind(server: Served) -> None:
    """A browser may send ten seconds at once: what was published of them beyond the position
    must not swallow what comes after the cut."""
    before, _ = talk(1, 30)
    after, numbers = talk(500, 6)
    stream = harness.opus(before, "webm")
    async with call(server, "large-pieces", encoding="webm") as client:
        await client.play(stream, len(stream) // 2 + 1)
        while len(client.finals) < 4:
            await client.next()
        client.cut()
    seen = {"session": client.session, "event": len(client.finals)}
    async with call(server, "large-pieces", encoding="webm", **seen) as second:
        await second.play(harness.opus(after, "webm"), 2_000)
        finals = await second.finish()
    assert words(finals)[-len(numbers) :] == numbers
    assert await recording(server, "large-pieces")
    assert (await harness.transcript(server, "large-pieces", "canonical"))[-6:] == numbers


@pytest.mark.parametrize("seed", [4, 5])
async def test_the_product_s_client_resumes_by_itself(server: Served, seed: int) -> None:
    """The cable is pulled somewhere in the bytes, in both directions, again and again."""
    sound, numbers = talk(1, 30)
    heard: list[str] = []
    async with (
        harness.frayed_cable(server, random.Random(seed), cuts=6) as url,
        LiveClient(url, call_id=f"by-itself-{seed}") as client,
    ):

        async def listen() -> None:
            async for event in client.events():
                if event["type"] == "final":
                    heard.extend(words([event]))

        listening = asyncio.create_task(listen())
        for at in range(0, len(sound), STEP_BYTES):
            await client.send(sound[at : at + STEP_BYTES])
            await asyncio.sleep(0.005)
        await client.stop()
        await listening
    assert heard == numbers
    assert await recording(server, f"by-itself-{seed}") == sound


async def test_the_older_of_two_clients_on_a_session_is_told(server: Served) -> None:
    sound, numbers = talk(1, 9)
    async with call(server, "two-clients") as older:
        await older.play(sound[:64_000])
        await older.acked(older.next_seq - 1)
        async with call(server, "two-clients", session=older.session) as newer:
            await older.send(bytes(6400))
            error, code = await older.refused()
            assert (error["code"], error["retryable"], code) == ("call_id_in_use", False, 4409)
            assert newer.next_seq == 10
            await newer.play(sound[64_000:])
            assert words(await newer.finish()) == numbers
    assert await recording(server, "two-clients") == sound


@pytest.mark.slow
async def test_a_server_that_is_restarted_in_the_middle_of_a_call(tmp_path: Path) -> None:
    """In good order: it tells its clients to come back, and nobody has stopped speaking."""
    port = free_port()
    sound, numbers = talk(1, 16, group=16)
    heard: list[harness.Event] = []
    with contextlib.ExitStack() as first, contextlib.ExitStack() as second:
        server = first.enter_context(serving(tmp_path / "data", port=port))
        async with LiveClient(server.url, call_id="restarted") as client:

            async def listen() -> None:
                heard.extend([e async for e in client.events() if e["type"] == "final"])

            listening = asyncio.create_task(listen())
            for index, at in enumerate(range(0, len(sound), STEP_BYTES)):
                await client.send(sound[at : at + STEP_BYTES])
                if index == len(sound) // STEP_BYTES // 2:
                    await asyncio.to_thread(first.close)
                    again = serving(tmp_path / "data", port=port)
                    await asyncio.to_thread(second.enter_context, again)
            await client.stop()
            await listening
        assert words(heard) == numbers
        assert len(heard) == 1
        assert await recording(server, "restarted") == sound


@pytest.mark.slow
async def test_a_server_that_stops_lets_its_clients_go_on_at_once(tmp_path: Path) -> None:
    """In the middle of a word, at whichever server is there next."""
    sound, numbers = talk(1, 12)
    half = len(sound) // 6400 // 2 * 6400
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(serving(tmp_path / "data"))
        async with call(server, "goes-on") as client:
            await client.play(sound[:half])
            await client.acked(client.next_seq - 1)
            began = time.monotonic()
            await asyncio.to_thread(stack.close)
            assert time.monotonic() - began < 1.5  # it waits for nobody
            assert await client.last_code() == 1012
            assert not [event for event in client.seen if event["type"] == "error"]
    with serving(tmp_path / "data") as server:
        async with call(server, "goes-on", session=client.session, event=0) as again:
            assert again.next_seq * 6400 == half
            await again.play(sound[half:])
            assert words(await again.finish()) == numbers


# --- calls whose client is gone, slow or silent -----------------------------------------------


@pytest.mark.slow
async def test_a_call_that_is_left_is_finished(hasty: Served) -> None:
    sound, numbers = talk(1, 9)
    async with call(hasty, "left") as client:
        await client.play(sound)
        await client.acked(client.next_seq - 1)
        client.cut()
    assert await recording(hasty, "left") == sound
    assert await harness.transcript(hasty, "left", "draft") == numbers
    async with call(hasty, "left", session=client.session, event=1) as late:
        assert words([await late.until("final")]) == numbers[3:6]
        assert words([await late.until("final")]) == numbers[6:]
        assert (await late.until("done"))["event"] == 3


async def test_silence_of_the_client_ends_an_utterance(hasty: Served) -> None:
    """Nothing comes for ``finalize_after_s``: what was said is not kept waiting."""
    sound, numbers = talk(1, 6, group=6)
    spoken = int((0.17 * 3 - 0.05) * RATE) * 2
    breath = bytes(int(0.3 * RATE) * 2)  # not the endpointer's silence, and the end of a word
    async with call(hasty, "silence") as client:
        await client.play(sound[:spoken] + breath)
        assert words([await client.until("final")]) == numbers[:3]
        await client.play(sound[spoken:])
        assert words(await client.finish()) == numbers
    assert await recording(hasty, "silence") == sound[:spoken] + breath + sound[spoken:]


IN_A_WORD = [0.05, 0.17 * 2 + 0.06, 0.17 * 20 + 0.06, 0.17 * 20 + 0.14]  # s; the last between two


@pytest.mark.parametrize("said", IN_A_WORD)
async def test_sound_that_stalls_in_a_word_goes_on_in_it(patient: Served, said: float) -> None:
    sound, numbers = talk(1, 24, group=24)
    spoken = int(said * RATE) * 2
    async with call(patient, f"stalls-{said:.2f}") as client:
        await client.play(sound[:spoken])
        await asyncio.sleep(0.8)
        await client.play(sound[spoken:])
        assert words(await client.finish()) == numbers


@pytest.mark.parametrize("said", IN_A_WORD)
async def test_a_line_that_breaks_in_a_word_goes_on_in_it(patient: Served, said: float) -> None:
    """Longer than ``finalize_after_s``: earlier words are told meanwhile, and none is lost."""
    sound, numbers = talk(1, 24, group=24)
    spoken, name = int(said * RATE) * 2, f"breaks-{said:.2f}"
    async with call(patient, name) as client:
        await client.play(sound[:spoken])
        await client.acked(client.next_seq - 1)
        client.cut()
    await asyncio.sleep(0.8)
    async with call(patient, name, session=client.session, event=0) as again:
        if said > 2:
            told = words([await again.until("final")])
            assert 0 < len(told) < said / 0.17
        await again.play(sound[spoken:])
        assert words(await again.finish()) == numbers


async def test_who_comes_back_and_says_nothing_is_told_what_was_said(patient: Served) -> None:
    sound, numbers = talk(1, 24, group=24)
    async with call(patient, "quiet-again") as client:
        await client.play(sound[: int(0.17 * 20.5 * RATE) * 2])
        await client.acked(client.next_seq - 1)
        client.cut()
    async with call(patient, "quiet-again", session=client.session, event=0) as again:
        told = words([await again.until("final")])
        assert told == numbers[: len(told)]


async def test_a_client_is_told_that_captions_lag(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "open_live", harness.slow_engine(0.25))
    sound, numbers = talk(1, 12, group=12)
    with serving(tmp_path / "data", lag_notice_s=0.5) as server:
        async with call(server, "lagging") as client:
            await client.play(sound + sound)
            lagging = await client.until("lagging")
            assert 0.5 <= lagging["seconds"] <= 2 * len(sound) / 2 / RATE + 0.1
            await client.say("stop")
            while (await client.next())["type"] != "done":
                pass
        assert words(client.finals) == numbers * 2
        assert not [event for event in client.seen if event["type"] == "error"]


@pytest.mark.slow
async def test_while_a_carrier_is_away_the_lag_grows_with_the_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the client holds back meanwhile counts, though nothing of it was published."""
    sound, numbers = talk(1, 6)  # half of it is less than 2 s
    away = False

    async def swap(sessions: SqliteSessions, *given: Any) -> None:
        if away:
            raise Unavailable("away, says the test")
        await inner(sessions, *given)

    inner = SqliteSessions.swap
    monkeypatch.setattr(SqliteSessions, "swap", swap)
    with serving(tmp_path / "data", lag_notice_s=0.5, lease_s=1.0) as server:
        async with call(server, "carrier-away") as client:
            half = len(sound) // 6400 // 2 * 6400
            await client.play(sound[:half])
            await client.acked(client.next_seq - 1)
            away = True
            await asyncio.sleep(0.6)  # the lease is half gone
            await client.play(sound[half:])
            while (await client.until("lagging"))["seconds"] < 2.0:
                pass
            away = False
            while (await client.until("lagging"))["seconds"]:
                pass
            await client.finish()
        assert words(client.finals) == numbers


async def test_a_call_deleted_while_it_runs_leaves_nothing(server: Served) -> None:
    """Also nothing of the sound that the recorder had gathered for the next part."""
    sound, _ = talk(1, 60)
    async with call(server, "deleted-running") as client, server.client() as api:
        await client.play(sound)
        spool = server.data_dir / "spool"  # of the process, the tenant, the call
        await _until(lambda: _traces(spool, "deleted-running"))
        assert (await api.delete("/v1/calls/deleted-running")).status_code == 204
        error, code = await client.refused()
        assert (error["code"], error["retryable"], code) == ("call_deleted", False, 4409)
        await _until(lambda: not _traces(server.data_dir, "deleted-running"))
        async with wire(server, call_id="deleted-running", session=client.session) as again:
            assert (await again.refused())[0]["code"] == "call_deleted"


def _traces(data_dir: Path, name: str) -> list[Path]:
    return [path for path in below(data_dir) if name in path.name]


async def _until(holds: Any) -> None:
    async with asyncio.timeout(harness.PATIENCE_S):
        while not holds():
            await asyncio.sleep(0.02)
