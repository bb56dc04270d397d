"""Decoder processes with real files: damage, attacks, deaths, hours of sound."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio

pytest.register_assert_rewrite("tests.unit.media.sounds")

from tests.unit.media.sounds import (  # noqa: E402
    all_of,
    as_samples,
    likeness,
    stream_pieces,
    sweep,
    write_sound,
)

from twicetold.errors import (  # noqa: E402
    BadParameter,
    DecoderFailed,
    NotAudio,
    PlaylistRefused,
    RecordingNotFound,
    TooFast,
    TruncatedAudio,
    TwicetoldError,
)
from twicetold.media.pyav import PyAvDecoder  # noqa: E402
from twicetold.speech.wav import wav_head  # noqa: E402

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

SAMPLES = Path(__file__).parents[2] / "samples" / "calls"
# What a damaged file may be called; that a decoder died is not among them.
NAMED = {"not_audio", "truncated_audio", "empty_audio", "playlist_refused"}
needs_proc = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def decoder() -> AsyncIterator[PyAvDecoder]:
    decoder = PyAvDecoder()
    await decoder.start()
    yield decoder
    await decoder.aclose()


@pytest_asyncio.fixture(loop_scope="module")
async def own_decoder() -> AsyncIterator[PyAvDecoder]:
    """For tests that kill it."""
    decoder = PyAvDecoder()
    await decoder.start()
    yield decoder
    await decoder.aclose()


async def decode(decoder: PyAvDecoder, path: Path) -> bytes:
    file = await decoder.open_file(path)
    try:
        return await all_of(file.blocks())
    finally:
        await file.aclose()


async def outcome(decoder: PyAvDecoder, path: Path) -> str:
    try:
        await decode(decoder, path)
    except TwicetoldError as error:
        return error.code
    return "sound"


def server_process(decoder: PyAvDecoder) -> int:
    process = decoder._server._process
    assert process is not None
    return process.pid


def children(process: int) -> list[int]:
    listed = Path(f"/proc/{process}/task/{process}/children").read_text()
    return [int(child) for child in listed.split()]


async def until(condition: Callable[[], bool], every_s: float = 0.01) -> None:
    for _ in range(round(10 / every_s)):
        if condition():
            return
        await asyncio.sleep(every_s)
    raise AssertionError("it never came true")


def runs(process: int) -> bool:
    """Whether a process is there and not merely waiting to be buried."""
    try:
        stat = Path(f"/proc/{process}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


async def gone(process: int) -> None:
    await until(lambda: not runs(process))


def peak_memory_kib(process: int) -> int:
    status = Path(f"/proc/{process}/status").read_text()
    return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM"))


async def collect(blocks: AsyncIterator[bytes], into: list[bytes]) -> None:
    async for block in blocks:
        into.append(block)  # noqa: PERF401 - what came before an error counts


# --- what is decoded ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["billing", "delivery", "internet", "hello"])
async def test_samples_have_the_length_that_their_references_say(
    decoder: PyAvDecoder, name: str
) -> None:
    reference = json.loads((SAMPLES / f"{name}.json").read_text())
    for file_name, about in reference["files"].items():
        file = await decoder.open_file(SAMPLES / file_name)
        pcm = await all_of(file.blocks())
        await file.aclose()
        assert (file.info.rate, file.info.channels) == (about["rate"], about["channels"])
        assert len(pcm) == about["samples"] * about["channels"] * 2


async def test_raw_mulaw_is_known_by_its_name(decoder: PyAvDecoder, tmp_path: Path) -> None:
    (tmp_path / "call.ulaw").write_bytes(bytes(range(256)) * 50)
    file = await decoder.open_file(tmp_path / "call.ulaw")
    pcm = await all_of(file.blocks())
    await file.aclose()
    assert (file.info.rate, file.info.channels, len(pcm)) == (8_000, 1, 256 * 50 * 2)


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_stream_that_was_saved_is_a_file(
    decoder: PyAvDecoder, tmp_path: Path, container: str
) -> None:
    """What MediaRecorder gave, written down: no length, no index."""
    sound = sweep(2.0, 48_000)
    path = tmp_path / f"saved.{container}"
    path.write_bytes(b"".join(stream_pieces(container, sound)))
    pcm = as_samples(await decode(decoder, path))
    assert len(pcm) == 32_000
    assert likeness(pcm, sound[::3]) > 0.98


async def test_fragmented_mp4_is_read(decoder: PyAvDecoder, tmp_path: Path) -> None:
    path = tmp_path / "fragments.mp4"
    options = {"movflags": "frag_keyframe+empty_moov+default_base_moof"}
    write_sound(path, sweep(2.0, 48_000), 48_000, "aac", options=options)
    assert 32_000 <= len(as_samples(await decode(decoder, path))) < 32_000 + 800


async def test_sound_of_a_film_begins_with_the_film(decoder: PyAvDecoder, tmp_path: Path) -> None:
    sound = sweep(2.0, 48_000)
    path = tmp_path / "late.mkv"
    write_sound(path, sound, 48_000, "pcm_s16le", video=True, begins_s=1.5)
    pcm = as_samples(await decode(decoder, path))
    assert len(pcm) == 3.5 * 16_000
    assert not pcm[: int(1.49 * 16_000)].any()
    assert likeness(pcm[24_000:], sound[::3]) > 0.99


# --- damage -------------------------------------------------------------------------------------


async def test_broken_sound_in_the_middle_does_not_shift_what_follows(
    decoder: PyAvDecoder, tmp_path: Path
) -> None:
    sound, path = sweep(6.0, 16_000), tmp_path / "a.flac"
    write_sound(path, sound, 16_000, "flac")
    content = bytearray(path.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2_000] = random.Random(5).randbytes(2_000)
    path.write_bytes(content)
    pcm = as_samples(await decode(decoder, path))
    assert len(pcm) == 6 * 16_000
    assert likeness(pcm[:40_000], sound[:40_000]) > 0.999
    assert likeness(pcm[-40_000:], sound[-40_000:]) > 0.999
    assert likeness(pcm, sound) < 0.999


async def test_lost_clusters_of_a_stream_become_silence(decoder: PyAvDecoder) -> None:
    sound = sweep(4.0, 48_000)
    pieces = stream_pieces("webm", sound)
    stream = await decoder.open_stream("webm", 1)
    pcm = b"".join([await stream.feed(piece) for piece in pieces[:20] + pieces[40:]])
    pcm += await stream.finish()
    await stream.aclose()
    heard = as_samples(pcm)
    assert abs(len(heard) - 4 * 16_000) < 160
    assert likeness(heard[-20_000:], sound[::3][-20_000:]) > 0.9
    assert not heard[24_000:30_000].any()


FRAGILE = [
    ("a.wav", "pcm_s16le"),
    ("a.w64", "pcm_s16le"),
    ("a.flac", "flac"),
    ("a.mp3", "libmp3lame"),
    ("a.m4a", "aac"),
    ("a.aac", "aac"),
    ("a.ogg", "libopus"),
    ("a.webm", "libopus"),
    ("a.mkv", "flac"),
]


@pytest.mark.parametrize(("name", "codec"), FRAGILE)
async def test_any_truncation_has_a_name_or_is_sound(
    decoder: PyAvDecoder, tmp_path: Path, name: str, codec: str
) -> None:
    chance, path = random.Random(name), tmp_path / name
    write_sound(path, sweep(2.0, 48_000, 2), 48_000, codec)
    whole = path.read_bytes()
    seen = set()
    for cut in [1, 3, 11, *(chance.randrange(len(whole)) for _ in range(9))]:
        path.write_bytes(whole[:cut])
        seen.add(await outcome(decoder, path))
    assert seen <= NAMED | {"sound"}
    if name not in ("a.ogg", "a.aac"):  # these two declare no length
        assert "sound" not in seen


@pytest.mark.parametrize(("name", "codec"), FRAGILE)
async def test_any_corruption_has_a_name_or_is_sound(
    decoder: PyAvDecoder, tmp_path: Path, name: str, codec: str
) -> None:
    chance, path = random.Random(name), tmp_path / name
    write_sound(path, sweep(2.0, 48_000, 2), 48_000, codec)
    whole = path.read_bytes()
    for _ in range(12):
        content = bytearray(whole)
        for _ in range(chance.choice((1, 5, 40))):
            start = chance.randrange(chance.choice((300, len(content))))
            content[start] = chance.randrange(256)
        path.write_bytes(content)
        assert await outcome(decoder, path) in NAMED | {"sound"}


@pytest.mark.parametrize("container", ["webm", "ogg"])
async def test_any_corruption_of_a_stream_has_a_name_or_is_sound(
    decoder: PyAvDecoder, container: str
) -> None:
    chance = random.Random(container)
    pieces = stream_pieces(container, sweep(1.0, 48_000))
    for _ in range(20):
        stream = await decoder.open_stream(container, 1)
        broken = chance.randrange(len(pieces))
        try:
            for number, piece in enumerate(pieces):
                content = bytearray(piece)
                if number == broken and content:
                    content[chance.randrange(len(content))] ^= 1 << chance.randrange(8)
                await stream.feed(bytes(content))
            await stream.finish()
        except TwicetoldError as error:
            assert error.code in {"not_audio", "not_a_stream_start"}  # noqa: PT017
        await stream.aclose()


# --- attacks ------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A sound that an upload wants to get at."""
    path = tmp_path / "secret.wav"
    write_sound(path, sweep(1.0, 16_000), 16_000, "pcm_s16le")
    return path


def playlists(secret: Path) -> Iterator[bytes]:
    name = str(secret)
    yield f"ffconcat version 1.0\nfile '{name}'\n".encode()
    yield f"\n\n ffconcat version 1.0\nfile {name}\n".encode()
    yield f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile://{name}\n#EXT-X-ENDLIST\n".encode()
    yield f"#EXTM3U\n#EXTINF:1,\nconcat:{name}|{name}\n".encode()
    yield f"[playlist]\nFile1={name}\nNumberOfEntries=1\n".encode()
    yield f'<?xml version="1.0"?>\n<MPD><BaseURL>{name}</BaseURL></MPD>'.encode()
    yield b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=audio 9 RTP/AVP 0\r\n"
    yield b"#EXT-X-VERSION:3\n#EXTM3U\n"


async def test_playlist_reads_no_other_file(
    decoder: PyAvDecoder, secret: Path, tmp_path: Path
) -> None:
    assert await outcome(decoder, secret) == "sound"
    for content in playlists(secret):
        for name in ("upload.wav", "upload.ffconcat", "upload.m3u8", "upload"):
            (tmp_path / name).write_bytes(content)
            with pytest.raises(PlaylistRefused):
                await decoder.open_file(tmp_path / name)


async def test_playlist_in_disguise_is_no_audio(
    decoder: PyAvDecoder, secret: Path, tmp_path: Path
) -> None:
    """Not known by its first words, it is still none of the formats that FFmpeg may try."""
    for head in (b"# a comment\n", b"\x01", b"x\n"):
        for content in playlists(secret):
            (tmp_path / "upload.m3u8").write_bytes(head + content)
            with pytest.raises((NotAudio, PlaylistRefused)):
                await decoder.open_file(tmp_path / "upload.m3u8")


async def test_path_that_looks_like_a_protocol_is_a_path(
    decoder: PyAvDecoder, secret: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(RecordingNotFound):
        await decoder.open_file(Path("concat:secret.wav|secret.wav"))
    assert await outcome(decoder, Path("secret.wav")) == "sound"


async def test_what_is_no_regular_file_is_refused_at_once(
    decoder: PyAvDecoder, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", tmp_path, Path("/dev/zero")):
        with pytest.raises(NotAudio, match="not a file"):
            await decoder.open_file(path)


async def test_rate_that_would_swell_to_days_is_refused(
    decoder: PyAvDecoder, tmp_path: Path
) -> None:
    head = bytearray(wav_head(16_000, 1, 100_000))
    head[24:28] = (1).to_bytes(4, "little")
    (tmp_path / "slow.wav").write_bytes(bytes(head) + bytes(100_000))
    with pytest.raises(NotAudio, match="1 Hz"):
        await decoder.open_file(tmp_path / "slow.wav")


async def test_a_message_that_swells_to_minutes_is_refused(decoder: PyAvDecoder) -> None:
    pieces = stream_pieces("ogg", np.zeros((130 * 48_000, 1), np.int16))
    stream = await decoder.open_stream("ogg", 1)
    with pytest.raises(TooFast):
        await stream.feed(b"".join(pieces))
    await stream.aclose()


async def test_other_containers_are_no_streams(decoder: PyAvDecoder) -> None:
    with pytest.raises(BadParameter):
        await decoder.open_stream("wav", 1)
    with pytest.raises(BadParameter):
        await decoder.open_stream("ogg", 3)


# --- deaths -------------------------------------------------------------------------------------


@needs_proc
async def test_decoder_that_is_killed_fails_its_own_file_alone(
    own_decoder: PyAvDecoder, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_head(16_000, 1, 32_000 * 300) + bytes(32_000 * 300))
    doomed = await own_decoder.open_file(path)
    (process,) = children(server_process(own_decoder))
    stream = await own_decoder.open_stream("webm", 1)
    file = await own_decoder.open_file(path)
    os.kill(process, signal.SIGKILL)
    with pytest.raises(DecoderFailed) as failure:
        await all_of(doomed.blocks())
    assert failure.value.retryable
    assert len(await all_of(file.blocks())) == 32_000 * 300
    pieces = stream_pieces("webm", sweep(0.5, 48_000))
    pcm = b"".join([await stream.feed(piece) for piece in pieces]) + await stream.finish()
    assert len(pcm) == 16_000
    for decoding in (doomed, file, stream):
        await decoding.aclose()


@needs_proc
async def test_decoder_that_hangs_is_given_up() -> None:
    async with aclosing(PyAvDecoder(timeout_s=1.5)) as decoder:
        stream = await decoder.open_stream("webm", 1)
        pieces = stream_pieces("webm", sweep(0.5, 48_000))
        await stream.feed(pieces[0])
        (process,) = children(server_process(decoder))
        os.kill(process, signal.SIGSTOP)
        with pytest.raises(DecoderFailed, match="did not answer"):
            await stream.feed(pieces[1])
        with pytest.raises(DecoderFailed, match="given up"):
            await stream.feed(pieces[2])
        await stream.aclose()
        await gone(process)


@needs_proc
async def test_server_that_is_killed_is_started_again(
    own_decoder: PyAvDecoder, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_head(16_000, 1, 32_000 * 300) + bytes(32_000 * 300))
    file = await own_decoder.open_file(path)
    server = server_process(own_decoder)
    (process,) = children(server)
    os.kill(server, signal.SIGKILL)
    with pytest.raises(DecoderFailed):
        await all_of(file.blocks())
    await gone(process)
    assert len(await decode(own_decoder, path)) == 32_000 * 300
    assert server_process(own_decoder) != server
    await file.aclose()


@needs_proc
async def test_nothing_runs_on_after_it_was_closed(
    own_decoder: PyAvDecoder, tmp_path: Path
) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_head(16_000, 1, 32_000 * 300) + bytes(32_000 * 300))
    server = server_process(own_decoder)
    left = await own_decoder.open_file(path)
    await left.aclose()
    await until(lambda: not children(server))
    file = await own_decoder.open_file(path)
    stream = await own_decoder.open_stream("ogg", 2)
    await until(lambda: len(children(server)) == 2)
    processes = [server, *children(server)]
    await own_decoder.aclose()
    for process in processes:
        await gone(process)
    with pytest.raises(DecoderFailed):
        await all_of(file.blocks())
    await file.aclose()
    await stream.aclose()
    with pytest.raises(DecoderFailed, match="closed"):
        await own_decoder.open_file(path)


@needs_proc
async def test_feed_that_was_cancelled_leaves_the_stream_unusable(
    own_decoder: PyAvDecoder,
) -> None:
    stream = await own_decoder.open_stream("webm", 1)
    pieces = stream_pieces("webm", sweep(0.5, 48_000))
    await stream.feed(pieces[0])
    (process,) = children(server_process(own_decoder))
    os.kill(process, signal.SIGSTOP)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(stream.feed(pieces[1]), 0.05)
    with pytest.raises(DecoderFailed):
        await stream.feed(pieces[2])
    await stream.aclose()


# --- hours --------------------------------------------------------------------------------------


@needs_proc
async def test_decoder_waits_for_its_reader(decoder: PyAvDecoder, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    path.write_bytes(wav_head(16_000, 1, 32_000 * 600) + bytes(32_000 * 600))
    before = set(children(server_process(decoder)))
    file = await decoder.open_file(path)
    (process,) = set(children(server_process(decoder))) - before
    blocks = file.blocks()
    await anext(blocks)
    positions = [-1]

    def stands() -> bool:
        positions.append(_position(process, path))
        return positions[-1] == positions[-2]

    await until(stands, every_s=0.2)
    assert positions[-1] < 60 * 32_000
    await blocks.aclose()
    await file.aclose()


def _position(process: int, path: Path) -> int:
    """How far a process has read a file."""
    for link in Path(f"/proc/{process}/fd").iterdir():
        if link.resolve() == path.resolve():
            about = Path(f"/proc/{process}/fdinfo/{link.name}").read_text()
            return int(about.split()[1])
    raise AssertionError("the process does not read the file")


@pytest.mark.slow
@needs_proc
async def test_an_hour_takes_no_more_memory_than_minutes(
    decoder: PyAvDecoder, tmp_path: Path
) -> None:
    peaks = []
    for minutes in (2, 60):
        path = tmp_path / f"{minutes}.wav"
        path.write_bytes(wav_head(8_000, 2, 32_000 * 60 * minutes))
        os.truncate(path, path.stat().st_size + 32_000 * 60 * minutes)  # takes no disk
        before = set(children(server_process(decoder)))
        file = await decoder.open_file(path)
        (process,) = set(children(server_process(decoder))) - before
        peak, seconds = 0, 0
        async for block in file.blocks():
            seconds += len(block) // 32_000
            if seconds == 60 * minutes - 30:
                peak = peak_memory_kib(process)
        await file.aclose()
        assert seconds == 60 * minutes
        peaks.append(peak)
    assert peaks[1] <= peaks[0] * 1.1


async def test_truncated_flac_gives_its_sound_before_it_says_so(
    decoder: PyAvDecoder, tmp_path: Path
) -> None:
    path = tmp_path / "a.flac"
    write_sound(path, sweep(4.0, 16_000), 16_000, "flac")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 3 // 4])
    file = await decoder.open_file(path)
    heard: list[bytes] = []
    with pytest.raises(TruncatedAudio, match=r"declares 4\.0 s"):
        await collect(file.blocks(), heard)
    await file.aclose()
    assert sum(map(len, heard)) > 2 * 32_000
