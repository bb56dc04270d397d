"""The contract of decoders, and PyAV under it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import pytest_asyncio
import soxr
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

pytest.register_assert_rewrite("tests.unit.media.sounds")

from tests.unit.media.sounds import (  # noqa: E402
    PIECE_S,
    all_of,
    as_samples,
    likeness,
    stream_pieces,
    sweep,
    write_film_without_sound,
    write_sound,
)

from twicetold.errors import (  # noqa: E402
    EmptyAudio,
    NotAStreamStart,
    NotAudio,
    PlaylistRefused,
    TruncatedAudio,
)
from twicetold.media import Decoder  # noqa: E402
from twicetold.media.pyav import PyAvDecoder  # noqa: E402
from twicetold.speech.wav import wav_head  # noqa: E402

# One decoder for all: it starts once, as in the product.
pytestmark = [pytest.mark.contracts, pytest.mark.asyncio(loop_scope="module")]

LENGTH_S = 2.3
# name, codec, rate, channels, options, and by how many milliseconds the codec may be longer
FORMATS = [
    ("pcm.wav", "pcm_s16le", 16_000, 1, {}, 0),
    ("telephone.wav", "pcm_s16le", 8_000, 2, {}, 0),
    ("mulaw.wav", "pcm_mulaw", 8_000, 1, {}, 0),
    ("bytes.wav", "pcm_u8", 16_000, 1, {}, 0),
    ("wide.wav", "pcm_s24le", 48_000, 1, {}, 0),
    ("floats.wav", "pcm_f32le", 44_100, 2, {}, 0),
    ("surround.wav", "pcm_s16le", 48_000, 6, {}, 0),
    ("large.wav", "pcm_s16le", 16_000, 1, {"rf64": "always"}, 0),
    ("sony.w64", "pcm_s16le", 16_000, 1, {}, 0),
    ("sun.au", "pcm_mulaw", 8_000, 1, {}, 0),
    ("mac.aiff", "pcm_s16be", 22_050, 2, {}, 0),
    ("lossless.flac", "flac", 44_100, 2, {}, 0),
    ("music.mp3", "libmp3lame", 44_100, 1, {}, 0),
    ("talk.mp3", "libmp3lame", 16_000, 1, {}, 0),
    ("opus.ogg", "libopus", 48_000, 1, {}, 0),
    ("vorbis.ogg", "vorbis", 44_100, 2, {}, 1),
    ("opus.webm", "libopus", 48_000, 2, {}, 0),
    ("aac.m4a", "aac", 44_100, 1, {}, 24),
    ("film.mp4", "aac", 48_000, 2, {}, 24),
    ("film.mkv", "aac", 48_000, 2, {}, 24),
]


async def decode_whole(decoder: Decoder, path: Path) -> bytes:
    file = await decoder.open_file(path)
    try:
        return await all_of(file.blocks())
    finally:
        await file.aclose()


async def decode_stream(decoder: Decoder, container: str, pieces: list[bytes]) -> bytes:
    stream = await decoder.open_stream(container, 1)
    try:
        pcm = [await stream.feed(piece) for piece in pieces]
        return b"".join(pcm) + await stream.finish()
    finally:
        await stream.aclose()


class DecoderContract:
    """A subclass gives the fixture ``decoder``, one that is started."""

    @pytest.mark.parametrize(
        ("name", "codec", "rate", "channels", "options", "longer_ms"),
        FORMATS,
        ids=[row[0] for row in FORMATS],
    )
    async def test_file_becomes_pcm_of_the_same_sound_and_length(
        self,
        decoder: Decoder,
        tmp_path: Path,
        name: str,
        codec: str,
        rate: int,
        channels: int,
        options: dict[str, str],
        longer_ms: int,
    ) -> None:
        sound, path = sweep(LENGTH_S, rate, channels), tmp_path / name
        if codec == "vorbis":
            sound[:, 1] = sound[:, 0]  # FFmpeg's own encoder turns the phase of what differs
        write_sound(path, sound, rate, codec, options=options, video=name.startswith("film"))

        file = await decoder.open_file(path)
        info = file.info
        pcm = as_samples(await all_of(file.blocks()), info.channels)
        await file.aclose()

        assert (info.source_rate, info.source_channels) == (rate, channels)
        assert info.rate == (8_000 if rate == 8_000 else 16_000)
        assert info.channels == (channels if channels <= 2 else 1)
        assert info.length_s == pytest.approx(LENGTH_S, abs=0.05)
        longer = len(pcm) - round(LENGTH_S * info.rate)
        assert 0 <= longer <= longer_ms * info.rate / 1000
        expected = sound.astype(np.float32)
        if channels > 2:
            expected = expected.mean(axis=1, keepdims=True)
        if rate != info.rate:
            expected = soxr.resample(expected, rate, info.rate)
        for channel in range(info.channels):
            assert likeness(pcm[:, channel], expected[:, channel]) > 0.98

    async def test_pcm_of_16_and_8_khz_passes_unchanged(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        for rate in (8_000, 16_000):
            sound, path = sweep(1.5, rate, 2), tmp_path / f"{rate}.wav"
            write_sound(path, sound, rate, "pcm_s16le")
            assert await decode_whole(decoder, path) == sound.tobytes()

    async def test_blocks_hold_about_a_second(self, decoder: Decoder, tmp_path: Path) -> None:
        write_sound(tmp_path / "a.flac", sweep(3.5, 44_100, 2), 44_100, "flac")
        file = await decoder.open_file(tmp_path / "a.flac")
        lengths = [len(block) / (16_000 * 4) async for block in file.blocks()]
        await file.aclose()
        assert lengths == [1.0, 1.0, 1.0, 0.5]

    async def test_a_file_may_be_left_before_its_end(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        write_sound(tmp_path / "a.wav", sweep(60, 16_000, 2), 16_000, "pcm_s16le")
        for _ in range(3):
            file = await decoder.open_file(tmp_path / "a.wav")
            blocks = file.blocks()
            assert await anext(blocks)
            await blocks.aclose()
            await file.aclose()

    async def test_two_files_are_decoded_side_by_side(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        for rate in (8_000, 16_000):
            write_sound(tmp_path / f"{rate}.wav", sweep(2, rate), rate, "pcm_s16le")
        one = await decoder.open_file(tmp_path / "8000.wav")
        other = await decoder.open_file(tmp_path / "16000.wav")
        assert len(await all_of(other.blocks())) == 64_000
        assert len(await all_of(one.blocks())) == 32_000
        await one.aclose()
        await other.aclose()

    @pytest.mark.parametrize(
        ("content", "error"),
        [
            (b"", EmptyAudio),
            (b"Dear Sir or Madam,\n" * 200, NotAudio),
            (b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20, NotAudio),
            (bytes(range(256)) * 100, NotAudio),
            (bytes(50_000), NotAudio),
            (b"ffconcat version 1.0\nfile secret.wav\n", PlaylistRefused),
            (b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\nsecret.wav\n", PlaylistRefused),
            (b"[playlist]\nFile1=secret.wav\n", PlaylistRefused),
            (b'<?xml version="1.0"?>\n<MPD></MPD>', PlaylistRefused),
        ],
    )
    async def test_what_is_no_sound_is_refused(
        self, decoder: Decoder, tmp_path: Path, content: bytes, error: type[Exception]
    ) -> None:
        path = tmp_path / "upload.wav"
        path.write_bytes(content)
        with pytest.raises(error) as refusal:
            await decoder.open_file(path)
        assert type(refusal.value) is error

    async def test_film_without_sound_is_refused(self, decoder: Decoder, tmp_path: Path) -> None:
        write_film_without_sound(tmp_path / "mute.mp4")
        with pytest.raises(NotAudio, match="no sound track"):
            await decoder.open_file(tmp_path / "mute.mp4")

    async def test_wav_without_samples_is_empty(self, decoder: Decoder, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_bytes(wav_head(16_000, 1, 0))
        with pytest.raises(EmptyAudio):
            await decoder.open_file(tmp_path / "a.wav")

    @pytest.mark.parametrize(
        ("name", "codec"),
        [
            ("a.wav", "pcm_s16le"),
            ("a.flac", "flac"),
            ("a.mp3", "libmp3lame"),
            ("a.m4a", "aac"),
            ("a.mkv", "aac"),
            ("a.w64", "pcm_s16le"),
            ("a.au", "pcm_mulaw"),
            ("a.aiff", "pcm_s16be"),
        ],
    )
    async def test_file_that_declares_more_than_it_has_is_refused(
        self, decoder: Decoder, tmp_path: Path, name: str, codec: str
    ) -> None:
        path = tmp_path / name
        write_sound(path, sweep(2, 16_000), 16_000, codec)
        path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
        with pytest.raises(TruncatedAudio):
            await decode_whole(decoder, path)

    async def test_wav_of_a_writer_that_could_not_seek_is_whole(
        self, decoder: Decoder, tmp_path: Path
    ) -> None:
        write_sound(tmp_path / "a.wav", sweep(1.5, 16_000), 16_000, "pcm_s16le")
        content = (tmp_path / "a.wav").read_bytes()
        place = content.index(b"data") + 4
        for size in (b"\xff\xff\xff\xff", b"\0\0\0\0", b"\xdb\xff\xff\x7f"):
            path = tmp_path / "streamed.wav"
            path.write_bytes(content[:place] + size + content[place + 4 :])
            assert len(await decode_whole(decoder, path)) == 48_000

    # --- streams

    @pytest.mark.parametrize("container", ["webm", "ogg"])
    @pytest.mark.parametrize(("source_channels", "channels"), [(1, 1), (2, 2), (2, 1), (1, 2)])
    async def test_stream_gives_its_sound_as_it_comes(
        self, decoder: Decoder, container: str, source_channels: int, channels: int
    ) -> None:
        sound = sweep(3, 48_000, source_channels)
        pieces = stream_pieces(container, sound)
        stream = await decoder.open_stream(container, channels)
        pcm, late_s = b"", []
        for number, piece in enumerate(pieces[:-1], start=1):
            pcm += await stream.feed(piece)
            late_s.append(number * PIECE_S - len(pcm) / (32_000 * channels))
        pcm += await stream.feed(pieces[-1])
        pcm += await stream.finish()
        await stream.aclose()

        assert len(pcm) == 3 * 32_000 * channels
        # The encoder keeps a page or cluster of 60 ms and 26 ms of its own; the rest is ours.
        assert max(late_s) < 0.06 + 0.026 + 0.06
        expected = soxr.resample(sound.astype(np.float32), 48_000, 16_000)
        if source_channels > channels:
            expected = expected.mean(axis=1, keepdims=True)
        for channel in range(channels):
            heard = as_samples(pcm, channels)[:, channel]
            assert likeness(heard, expected[:, min(channel, expected.shape[1] - 1)]) > 0.98

    @pytest.mark.parametrize("container", ["webm", "ogg"])
    @settings(
        max_examples=8,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )
    @given(data=st.data())
    async def test_any_split_gives_the_same_pcm(
        self, decoder: Decoder, container: str, data: st.DataObject
    ) -> None:
        whole = b"".join(stream_pieces(container, sweep(0.7, 48_000)))
        cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=40).map(sorted))
        edges = [0, *cuts, len(whole)]
        pieces = [whole[a:b] for a, b in pairwise(edges)]
        in_pieces = await decode_stream(decoder, container, pieces)
        assert in_pieces == await decode_stream(decoder, container, [whole])
        assert len(in_pieces) == round(0.7 * 16_000) * 2

    @pytest.mark.parametrize("container", ["webm", "ogg"])
    async def test_stream_from_its_middle_is_refused_at_once(
        self, decoder: Decoder, container: str
    ) -> None:
        pieces = stream_pieces(container, sweep(1, 48_000))
        stream = await decoder.open_stream(container, 1)
        with pytest.raises(NotAStreamStart):
            await stream.feed(pieces[8][:16])
        await stream.aclose()

    @pytest.mark.parametrize("container", ["webm", "ogg"])
    async def test_junk_within_a_stream_is_no_audio(self, decoder: Decoder, container: str) -> None:
        stream = await decoder.open_stream(container, 1)
        for piece in stream_pieces(container, sweep(1, 48_000)):
            await stream.feed(piece)
        with pytest.raises(NotAudio):
            await stream.feed(b"GET / HTTP/1.1\r\n" * 20)
        await stream.aclose()

    @pytest.mark.parametrize("container", ["webm", "ogg"])
    async def test_stream_that_ends_before_its_sound_is_silent(
        self, decoder: Decoder, container: str
    ) -> None:
        for pieces in ([], [b"\x1a\x45" if container == "webm" else b"Og"]):
            stream = await decoder.open_stream(container, 1)
            for piece in pieces:
                assert await stream.feed(piece) == b""
            assert await stream.finish() == b""
            await stream.aclose()

    async def test_one_bad_stream_does_not_touch_another(self, decoder: Decoder) -> None:
        pieces = stream_pieces("webm", sweep(1, 48_000))
        good, bad = [await decoder.open_stream("webm", 1) for _ in range(2)]
        pcm = b""
        for number, piece in enumerate(pieces):
            pcm += await good.feed(piece)
            if number < 5:
                await bad.feed(piece)
            elif number == 5:
                with pytest.raises(NotAudio):
                    await bad.feed(b"junk" * 100)
        pcm += await good.finish()
        await good.aclose()
        await bad.aclose()
        assert len(pcm) == 32_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pyav_decoder() -> AsyncIterator[Decoder]:
    decoder = PyAvDecoder()
    await decoder.start()
    yield decoder
    await decoder.aclose()


class TestPyAvDecoder(DecoderContract):
    @pytest.fixture
    def decoder(self, pyav_decoder: Decoder) -> Decoder:
        return pyav_decoder
