"""Remote engines whose servers are slow, torn, failing, deaf or away; live calls through them."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.register_assert_rewrite("tests.contracts.engine_contract")

from structlog.testing import capture_logs  # noqa: E402
from tests.contracts.engine_contract import hear  # noqa: E402
from tests.integration import live_harness as harness  # noqa: E402
from tests.servers import openai_realtime, vllm  # noqa: E402
from tests.servers.openai_realtime import OpenAiRealtimeServer  # noqa: E402
from tests.servers.sarvam_realtime import SarvamRealtimeServer  # noqa: E402
from tests.servers.speaking import KEY, ReferenceServer  # noqa: E402
from tests.servers.transcriptions import DIARIZING, Answer, OpenAiServer, SarvamServer  # noqa: E402
from tests.servers.vllm import VllmServer  # noqa: E402

from twicetold.engines import Expected, Sound, StreamingTranscriber, Transcriber  # noqa: E402
from twicetold.engines.counter import ToneActivity, render  # noqa: E402
from twicetold.engines.openai import info as openai_info  # noqa: E402
from twicetold.engines.registry import open_batch, open_live  # noqa: E402
from twicetold.engines.remote import Remotes, live, requests, warm  # noqa: E402
from twicetold.errors import EngineFailed, EngineHostDied, EngineRefused  # noqa: E402
from twicetold.speech.transcript import Hypothesis  # noqa: E402
from twicetold.wiring import passes, roles  # noqa: E402

pytestmark = pytest.mark.integration

SOUND = Sound(render(17, 6, 16_000, pause_s=0.1), 16_000)
NUMBERS = "17 18 19 20 21 22"
VLLM, OPENAI = f"realtime:{vllm.MODEL}", f"realtime:{openai_realtime.MODEL}"


def remotes_of(server: ReferenceServer, **more: Any) -> tuple[str, Remotes]:
    """The engine that speaks with that server, and where it is."""
    if isinstance(server, SarvamRealtimeServer):
        return "sarvam", Remotes(sarvam_url=server.url, sarvam_key=KEY, **more)
    protocol, name = ("vllm", VLLM) if isinstance(server, VllmServer) else ("openai", OPENAI)
    at = {"realtime_url": server.url, "realtime_key": KEY, "realtime_protocol": protocol}
    return name, Remotes(**(at | more))


@contextlib.asynccontextmanager
async def engine_of(
    server: ReferenceServer, timeout_s: float = 5.0, **more: Any
) -> AsyncIterator[StreamingTranscriber]:
    name, remotes = remotes_of(server, **more)
    engine = await open_live(name, hosts=0, timeout_s=timeout_s, remotes=remotes)
    try:
        yield engine
    finally:
        await engine.aclose()


@pytest.fixture(params=[VllmServer, OpenAiRealtimeServer, SarvamRealtimeServer])
async def server(request: pytest.FixtureRequest) -> AsyncIterator[ReferenceServer]:
    async with request.param().open() as opened:
        yield opened


# --- live ---------------------------------------------------------------------------------


async def test_a_torn_connection_is_a_death_and_the_next_try_hears_all(
    server: ReferenceServer,
) -> None:
    server.moods.drops = 1
    async with engine_of(server) as engine:
        with pytest.raises(EngineHostDied):
            await hear(engine, SOUND)
        _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS


async def test_an_error_fails_the_utterance_and_tells_none_of_its_words(
    server: ReferenceServer,
) -> None:
    server.moods.errors = 1
    async with engine_of(server) as engine:
        with pytest.raises(EngineFailed) as caught:
            await hear(engine, SOUND)
        assert "secret" not in str(caught.value.to_dict())
        _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS


async def test_a_silent_server_fails_in_time(server: ReferenceServer) -> None:
    async with engine_of(server, timeout_s=0.4) as engine:
        stream = await engine.start_stream(16_000, "en")
        server.moods.silent = True
        await stream.accept(SOUND.pcm)
        began = time.monotonic()
        with pytest.raises(EngineHostDied, match=r"did not answer within 0\.4 s"):
            await stream.finish()
        assert 0.3 < time.monotonic() - began < 5


async def test_one_that_never_greets_fails_in_time(server: ReferenceServer) -> None:
    server.moods.mute_greetings = 100
    async with engine_of(server, timeout_s=0.3) as engine:
        with pytest.raises(EngineFailed, match="did not answer within"):
            await engine.start_stream(16_000, "en")


async def test_a_slow_server_is_waited_for(server: ReferenceServer) -> None:
    """Each word takes its time, all together more than one answer may."""
    server.moods.delay_s = 0.1
    async with engine_of(server, timeout_s=0.5) as engine:
        _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS


async def test_a_server_that_reads_slowly_slows_its_caller(server: ReferenceServer) -> None:
    """Nothing piles up on our side: what was not taken is still the caller's."""
    async with engine_of(server, timeout_s=0.5) as engine:
        stream = await engine.start_stream(16_000, "en")
        server.moods.halted = asyncio.Event()
        given = 0

        async def give() -> None:
            nonlocal given
            while given < 64 * 1024 * 1024:
                await stream.accept(bytes(32_000))
                given += 32_000

        with pytest.raises(EngineHostDied, match=r"took no sound for 0\.5 s"):
            await give()
        server.moods.halted.set()


@pytest.mark.parametrize("status", [401, 403, 404])
async def test_a_refused_key_ends_the_start_at_once(server: ReferenceServer, status: int) -> None:
    server.moods.refuse = [status]
    began = time.monotonic()
    with pytest.raises(EngineRefused, match=str(status)) as caught:
        async with engine_of(server):
            raise AssertionError("it opened")
    assert time.monotonic() - began < 2
    assert KEY not in str(caught.value.to_dict())


async def test_a_session_that_is_refused_for_good_ends_the_start() -> None:
    async with OpenAiRealtimeServer().open() as server:
        server.moods.refuse_session = ["model_not_found"]
        with pytest.raises(EngineRefused, match=r"refused the session: model_not_found\.$"):
            async with engine_of(server):
                raise AssertionError("it opened")
        server.moods.refuse_session = ["server_error", "rate_limit_exceeded"]
        async with engine_of(server) as engine:
            _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS


async def test_a_server_that_is_away_is_tried_again(server: ReferenceServer) -> None:
    server.moods.refuse = [503, 503, 429]
    with capture_logs() as logs:
        async with engine_of(server) as engine:
            _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS
    assert {each["event"] for each in logs} >= {"remote_engine_away", "remote_engine_retried"}
    assert KEY not in str(logs)


async def test_nobody_listens_at_the_address() -> None:
    name, remotes = remotes_of(VllmServer(), realtime_url="ws://127.0.0.1:9/v1/realtime")
    engine = await open_live(name, hosts=0, timeout_s=0.5, remotes=remotes)
    with pytest.raises(EngineFailed, match="cannot be reached") as caught:
        await engine.start_stream(16_000, "en")
    assert caught.value.retryable
    await engine.aclose()


async def test_a_connection_lies_ready_for_the_next_utterance(server: ReferenceServer) -> None:
    async with engine_of(server) as engine:
        for _ in range(3):
            stream = await engine.start_stream(16_000, "auto")
            await until_it_is_so(lambda: len(server.connections) == 2)  # one at work, one spare
            server.moods.refuse = [500]  # the spare alone can serve the next one
            await stream.accept(SOUND.pcm)
            assert (await stream.finish()).text == NUMBERS
            server.moods.refuse = []
    await until_it_is_so(lambda: not server.connections)


async def test_a_spare_that_died_is_not_used(server: ReferenceServer) -> None:
    async with engine_of(server) as engine:
        await until_it_is_so(lambda: len(server.connections) == 1)
        await server.connections[0].close()
        _, last = await hear(engine, SOUND)
    assert last.text == NUMBERS


async def test_streams_beyond_the_bound_wait_for_a_place(server: ReferenceServer) -> None:
    async with engine_of(server, live_streams=2) as engine:
        streams = [await engine.start_stream(16_000, "en") for _ in range(2)]
        third = asyncio.create_task(engine.start_stream(16_000, "en"))
        await asyncio.sleep(0.05)
        assert not third.done()
        assert len(server.connections) <= 2
        await streams[0].aclose()
        stream = await third
        await stream.accept(SOUND.pcm)
        assert (await stream.finish()).text == NUMBERS


async def test_idle_spares_are_kept_awake_and_then_let_go(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(warm, "_TEND_S", 0.05)
    async with SarvamRealtimeServer().open() as server, engine_of(server) as engine:
        await hear(engine, SOUND)
        await until_it_is_so(lambda: server.pings >= 2)
        monkeypatch.setattr(warm, "_KEPT_S", 0.0)
        await until_it_is_so(lambda: not server.connections)
        monkeypatch.setattr(warm, "_KEPT_S", 60.0)
        _, last = await hear(engine, SOUND)
        assert last.text == NUMBERS


async def test_where_no_last_word_comes_it_is_insisted_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "_INSIST_S", 0.1)
    server = SarvamRealtimeServer()
    server.finals_of_nothing = False
    async with server.open(), engine_of(server) as engine:
        _, last = await hear(engine, Sound(bytes(32_000), 16_000))
        assert last.words == ()
        _, last = await hear(engine, SOUND)
        assert last.text == NUMBERS


@pytest.mark.parametrize(
    ("babble", "limit"),
    [
        ('{"type": "transcription.delta", "delta": ""}', EngineHostDied),
        (json.dumps({"type": "transcription.delta", "delta": "word " * 4_000}), EngineFailed),
        ("[" * 100_000, EngineFailed),
    ],
    ids=["for ever", "too much", "too deep"],
)
async def test_a_server_that_says_more_than_there_is_fails_in_time(
    monkeypatch: pytest.MonkeyPatch, babble: str, limit: type[Exception]
) -> None:
    monkeypatch.setattr(live, "_SLOWEST", 0.0)
    server = VllmServer()
    server.moods.babble = babble
    async with server.open(), engine_of(server, timeout_s=0.5) as engine:
        async with asyncio.timeout(10.0):
            with pytest.raises(limit):
                await hear(engine, SOUND)


async def test_halves_of_characters_are_no_part_of_a_word() -> None:
    server = OpenAiServer()
    body = {"text": "", "words": [{"word": "a\ud800b", "start": 0.0, "end": 10**400}]}
    server.answers = [
        Answer(200, {"text": "a\ud800b"}),
        Answer(200, {"words": [{"word": "a\ud800b", "start": 0.0, "end": 0.5}]}),
        Answer(400, {"error": {"message": "not \ud800"}}),
    ]
    async with server.open(), batch_of(server) as engine:
        for _ in range(2):
            (heard,) = await engine.transcribe([SOUND], "en")
            assert heard.text.encode() == b"a?b"
        with pytest.raises(EngineRefused) as caught:
            await engine.transcribe([SOUND], "en")
        assert caught.value.message.encode()
        server.answers = [Answer(200, body)]
        with pytest.raises(EngineFailed, match="no transcript"):
            await engine.transcribe([SOUND], "en")


async def test_text_that_comes_after_the_commit_alone_is_whole() -> None:
    server = OpenAiRealtimeServer()
    server.early = False
    async with server.open(), engine_of(server) as engine:
        partials, last = await hear(engine, SOUND)
    assert all(not partial.words for partial in partials)
    assert last.text == NUMBERS
    assert server.languages.count("en") >= 1


async def test_a_sound_of_a_moment_is_long_enough_to_be_committed(server: ReferenceServer) -> None:
    async with engine_of(server) as engine:
        _, last = await hear(engine, Sound(bytes(320), 16_000))
    assert last.words == ()


# --- batch --------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def batch_of(
    server: OpenAiServer | SarvamServer,
    timeout_s: float = 5.0,
    model: str = "whisper-1",
    **more: Any,
) -> AsyncIterator[Transcriber]:
    if isinstance(server, SarvamServer):
        name, at = "sarvam", {"sarvam_url": server.url, "sarvam_key": KEY}
    else:
        name, at = f"openai:{model}", {"openai_url": server.url, "openai_key": KEY}
    remotes = Remotes(**(at | more))
    engine = await open_batch(name, hosts=0, timeout_s=timeout_s, remotes=remotes)
    try:
        yield engine
    finally:
        await engine.aclose()


@pytest.fixture(params=[OpenAiServer, SarvamServer])
async def file_server(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[OpenAiServer | SarvamServer]:
    monkeypatch.setattr(requests, "_FIRST_DELAY_S", 0.01)
    async with request.param().open() as opened:
        yield opened


@pytest.mark.parametrize(
    "answers",
    [
        [Answer(429, {}, {"retry-after": "0"})],
        [Answer(500, b"<html>"), Answer(502), Answer(503), Answer(504)],
        [Answer(0), Answer(0)],
        [Answer(silent=True)],
        [Answer(200, b"no json")],
        [Answer(408)],
        [Answer(200, {"text": "", "transcript": ""}, drip_s=0.1)],
        [Answer(200, b" " * 40_000_000)],
        [Answer(200, b"[" * 100_000)],
        [Answer(200, b"no gzip", {"content-encoding": "gzip"})],
    ],
    ids=["429", "5xx", "torn", "silent", "no json", "408", "drip", "huge", "deep", "garbage"],
)
async def test_what_may_pass_is_tried_again(
    file_server: OpenAiServer | SarvamServer, answers: list[Answer]
) -> None:
    file_server.answers = list(answers)
    async with batch_of(file_server, timeout_s=0.5) as engine:
        (heard,) = await engine.transcribe([SOUND], "en")
    assert heard.text == NUMBERS
    assert len(file_server.requests) == len(answers) + 1


async def test_more_text_than_anybody_says_is_no_transcript(
    file_server: OpenAiServer | SarvamServer,
) -> None:
    words = "word " * 4_000
    told = {"start_time_seconds": [0.0], "end_time_seconds": [1.0], "words": [words]}
    timed = {"segments": [{"text": words, "start": 0.0, "end": 1.0}], "timestamps": told}
    async with batch_of(file_server) as engine:
        for body in ({"text": words, "transcript": words}, timed):
            file_server.answers = [Answer(200, body)]
            with pytest.raises(EngineFailed, match="more text than anybody says"):
                await engine.transcribe([SOUND], "en")


async def test_the_server_says_when_to_come_again(file_server: OpenAiServer | SarvamServer) -> None:
    file_server.answers = [Answer(429, {}, {"retry-after": "0.3"})]
    began = time.monotonic()
    async with batch_of(file_server) as engine:
        await engine.transcribe([SOUND], "en")
    assert time.monotonic() - began >= 0.3


async def test_after_the_last_attempt_it_has_failed(
    file_server: OpenAiServer | SarvamServer,
) -> None:
    file_server.answers = [Answer(503, {"error": {"message": "Overloaded"}})] * 9
    async with batch_of(file_server) as engine:
        with pytest.raises(EngineFailed, match="503") as caught:
            await engine.transcribe([SOUND], "en")
    assert caught.value.retryable
    assert len(file_server.requests) == 5


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 422])
async def test_a_refusal_is_told_once_with_its_reason_and_no_key(
    file_server: OpenAiServer | SarvamServer, status: int
) -> None:
    reason = {"error": {"message": f"Model gone. Key: {KEY}", "code": "no_model"}}
    file_server.answers = [Answer(status, reason)]
    async with batch_of(file_server) as engine:
        with capture_logs() as logs, pytest.raises(EngineRefused, match="Model gone") as caught:
            await engine.transcribe([SOUND], "en")
    assert len(file_server.requests) == 1
    assert not caught.value.retryable
    assert KEY not in str(caught.value.to_dict()) + str(logs)


async def test_spent_money_is_no_passing_matter(file_server: OpenAiServer | SarvamServer) -> None:
    file_server.answers = [Answer(429, {"error": {"message": "x", "code": "insufficient_quota"}})]
    async with batch_of(file_server) as engine:
        with pytest.raises(EngineRefused):
            await engine.transcribe([SOUND], "en")


async def test_several_at_once_and_no_more(file_server: OpenAiServer | SarvamServer) -> None:
    async with batch_of(file_server, batch_requests=3) as engine:
        assert engine.parallel == 3
        heard = await engine.transcribe([SOUND] * 9, "en")
    assert [each.text for each in heard] == [NUMBERS] * 9
    assert file_server.most_at_once == 3


async def test_sarvam_gets_no_more_than_it_takes_and_words_keep_their_times() -> None:
    pcm = render(0, 40, 16_000, group=4, gap_s=0.2, pause_s=3.0)
    async with SarvamServer().open() as server, batch_of(server) as engine:
        (heard,) = await engine.transcribe([Sound(pcm, 16_000)], "or")
    assert len(pcm) / 32_000 > 30
    assert len(server.requests) == 2
    assert [word.text for word in heard.words] == [str(number) for number in range(40)]
    assert heard.words[-1].end == pytest.approx(len(pcm) / 32_000 - 3.0, abs=0.1)
    assert {request.text("language_code") for request in server.requests} == {"od-IN"}


async def test_a_server_without_word_times_is_asked_for_them_once() -> None:
    server = OpenAiServer()
    server.times = "none"
    async with server.open(), batch_of(server) as engine:
        for _ in range(2):
            (heard,) = await engine.transcribe([SOUND], "pt-BR")
            assert heard.text == NUMBERS
    forms = [request.text("response_format") for request in server.requests]
    assert forms == ["verbose_json", "json", "json"]
    assert {request.text("language") for request in server.requests} == {"pt"}


TERMS = ("Möller", "Quux & Sons")


@pytest.mark.parametrize("refused", [False, True])
async def test_a_vocabulary_is_told_or_the_words_come_without(refused: bool) -> None:
    server, told = OpenAiServer(), replace(SOUND, expected=Expected(TERMS))
    if refused:
        message = "prompt 'Möller, quux & sons, and Möllers' is too long for Möller."
        server.answers = [Answer(400, {"error": {"message": message}})]
    async with server.open(), batch_of(server) as engine:
        with capture_logs() as logs:
            for sound in (told, SOUND):
                (heard,) = await engine.transcribe([sound], "de")
                assert heard.text == NUMBERS
    prompts = [request.fields.get("prompt") for request in server.requests]
    first = ["Möller, Quux & Sons".encode()]
    assert prompts == ([first, None, None] if refused else [first, None])
    assert [entry["event"] for entry in logs] == ["remote_engine_without_vocabulary"] * refused
    assert not refused or "prompt '***, ***, and Möllers' is too long for ***" in str(logs)


def voices(*firsts: int) -> bytes:
    """Each says sixteen numbers from that one on."""
    return b"".join(render(first, 16, 16_000) for first in firsts)


def turns(heard: Hypothesis) -> list[tuple[str, int]]:
    """Who speaks, and from which number on."""
    said = itertools.groupby(heard.words, lambda word: word.speaker)
    return [(speaker, int(next(words).text)) for speaker, words in said]


async def test_who_spoke_before_is_known_by_voice() -> None:
    server = OpenAiServer()
    async with server.open(), batch_of(server, model=DIARIZING) as engine:
        assert engine.info.in_order
        (first,) = await engine.transcribe([Sound(voices(100, 200), 16_000)], "en")
        assert turns(first) == [("S1", 100), ("S2", 200)]
        later = Sound(voices(220, 300, 120), 16_000, adaptation=first.adaptation)
        (second,) = await engine.transcribe([later], "en")
        assert turns(second) == [("S2", 220), ("S3", 300), ("S1", 120)]
        last = Sound(voices(320, 100), 16_000, adaptation=second.adaptation)
        (third,) = await engine.transcribe([last], "en")
    assert turns(third) == [("S3", 320), ("S1", 100)]
    known = [request.fields.get("known_speaker_names[]", []) for request in server.requests]
    assert known == [[], [b"S1", b"S2"], [b"S1", b"S2", b"S3"]]


async def test_where_no_known_voice_is_taken_everybody_is_somebody_new() -> None:
    server = OpenAiServer()
    async with server.open(), batch_of(server, model=DIARIZING) as engine:
        (first,) = await engine.transcribe([Sound(voices(100, 200), 16_000)], "en")
        server.answers = [Answer(400, {"error": {"message": "Known speaker references are bad."}})]
        later = Sound(voices(220, 120), 16_000, adaptation=first.adaptation)
        with capture_logs() as logs:
            (second,) = await engine.transcribe([later], "en")
        assert turns(second) == [("S3", 220), ("S4", 120)]
        assert [each["event"] for each in logs] == ["remote_engine_without_known_speakers"]
        assert "known_speaker_names[]" not in server.requests[-1].fields


async def test_words_of_nobody_at_no_time_are_no_transcript_of_a_long_chunk() -> None:
    server = OpenAiServer()
    server.times = "none"
    async with server.open(), batch_of(server, model=DIARIZING) as engine:
        with pytest.raises(EngineRefused, match="response_format 'diarized_json'"):
            await engine.transcribe([SOUND], "en")
        server.answers = [Answer(body={"text": NUMBERS})]
        with pytest.raises(EngineFailed, match="no transcript"):
            await engine.transcribe([SOUND], "en")


# --- through the product ------------------------------------------------------------------


@contextlib.asynccontextmanager
async def served_with(
    server: ReferenceServer, directory: Path, **more: Any
) -> AsyncIterator[harness.Served]:
    """The product in a thread of its own, beside the reference server on this one's loop."""
    stack = contextlib.ExitStack()
    serving = harness.serving(directory, **(settings_for(server) | more))
    served = await asyncio.to_thread(stack.enter_context, serving)
    try:
        yield served
    finally:
        await asyncio.to_thread(stack.close)


@pytest.fixture
def tones_are_speech(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (passes, roles):
        monkeypatch.setattr(module, "open_activity", lambda _info: ToneActivity())


def settings_for(server: ReferenceServer) -> dict[str, Any]:
    name, remotes = remotes_of(server)
    return {
        "live_engine": name,
        "allow_remote": "realtime, sarvam, openai",
        "realtime_url": remotes.realtime_url,
        "realtime_key": remotes.realtime_key,
        "realtime_protocol": remotes.realtime_protocol,
        "sarvam_url": remotes.sarvam_url,
        "sarvam_key": remotes.sarvam_key,
    }


@pytest.mark.usefixtures("tones_are_speech")
@pytest.mark.parametrize("drops", [0, 2])
@pytest.mark.slow
async def test_a_call_loses_no_word_though_connections_are_torn(
    server: ReferenceServer, drops: int, tmp_path: Path
) -> None:
    server.moods.drops, server.moods.drop_after = drops, 3
    sound, numbers = harness.talk(100, 12)
    async with served_with(server, tmp_path) as served, harness.call(served, "torn") as wire:
        for at in range(0, len(sound), 6400):
            await wire.send(sound[at : at + 6400])
            await asyncio.sleep(0.02)  # what a server says is shown with the sound after
        finals = await wire.finish()
    assert harness.words(finals) == numbers
    assert any(event["type"] == "partial" for event in wire.seen)
    assert server.moods.drops == 0
    for final in finals:
        assert final["start"] <= final["words"][0]["start"] <= final["words"][-1]["end"]


@pytest.mark.usefixtures("tones_are_speech")
async def test_a_long_speech_that_is_cut_loses_and_doubles_nothing(tmp_path: Path) -> None:
    """Without true times of words, nobody knows which ones lie behind the cut: the sound before it
    is heard again by itself."""
    sound, numbers = harness.talk(100, 60, group=60)
    async with (
        VllmServer().open() as server,
        served_with(server, tmp_path, max_utterance_s=3.0) as served,
        harness.call(served, "cut") as wire,
    ):
        await wire.play(sound)
        finals = await wire.finish()
    assert len(finals) > 2
    assert harness.words(finals) == numbers


@pytest.mark.usefixtures("tones_are_speech")
@pytest.mark.slow
async def test_a_canonical_transcript_by_a_remote_engine(tmp_path: Path) -> None:
    sound, numbers = harness.talk(100, 12)
    async with (
        OpenAiServer().open() as files,
        VllmServer().open() as server,
        served_with(
            server, tmp_path, batch_engine="openai:whisper-1", openai_url=files.url, openai_key=KEY
        ) as served,
    ):
        async with harness.call(served, "both") as wire:
            await wire.play(sound)
            await wire.finish()
        await harness.settled(served, "both")
        assert await harness.transcript(served, "both", "canonical") == numbers


@pytest.mark.usefixtures("tones_are_speech")
@pytest.mark.slow
async def test_a_canonical_transcript_has_the_speakers_of_the_engine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Over several requests, and though nobody pauses between two of them for long enough."""
    monkeypatch.setattr(openai_info, "_MOST_S", 8.0)
    talk = [render(first, 16, 16_000, pause_s=0.3) for first in (100, 200, 116, 216, 132, 232)]
    async with (
        OpenAiServer().open() as files,
        VllmServer().open() as server,
        served_with(
            server, tmp_path, batch_engine=f"openai:{DIARIZING}", openai_url=files.url,
            openai_key=KEY,
        ) as served,
    ):  # fmt: skip
        async with harness.call(served, "two") as wire:
            await wire.play(b"".join(talk))
            await wire.finish()
        await harness.settled(served, "two")
        segments = await harness.segments(served, "two", "canonical")
    assert len(files.requests) > 2
    numbers = [int(word["text"]) for segment in segments for word in segment["words"]]
    assert sorted(numbers) == [*range(100, 148), *range(200, 248)]
    called = {"1": "agent", "2": "customer"}  # who speaks first answers the call
    for segment in segments:
        said_by = {called[word["text"][0]] for word in segment["words"]}
        assert said_by == {segment["speaker"]}


async def until_it_is_so(holds: Any) -> None:
    """Wait for what nothing announces."""
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.005)
