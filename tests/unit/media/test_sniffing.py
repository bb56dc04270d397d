from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.unit.media.sounds import sweep, write_sound

from twicetold.errors import PlaylistRefused, TruncatedAudio
from twicetold.media.sniffing import beginning, check_complete, check_playlist, streamed_riff
from twicetold.speech.wav import wav_head

pytestmark = pytest.mark.unit

WAV = wav_head(16_000, 1, 1_000) + bytes(1_000)


def check(content: bytes) -> None:
    check_complete(BytesIO(content), len(content))


@pytest.mark.parametrize(
    "head",
    [
        b"ffconcat version 1.0\n",
        b"FFCONCAT version 1.0\n",
        b"\xef\xbb\xbf  #EXTM3U\n",
        b"\n\n#EXTM3U\n#EXT-X-TARGETDURATION:10\n",
        "#EXTM3U\n".encode("utf-16"),
        b"[playlist]\nFile1=a.mp3\n",
        b"<asx version='3.0'>",
        b'<?xml version="1.0"?><!-- x -->\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011">',
        b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\n",
    ],
)
def test_playlists_are_known_by_their_words(head: bytes) -> None:
    with pytest.raises(PlaylistRefused):
        check_playlist(head)


@pytest.mark.parametrize(
    "head", [b"", b"RIFF", WAV[:64], b"fLaC\0\0", b"OggS", b"ID3\x04", b"hello"]
)
def test_sounds_are_no_playlists(head: bytes) -> None:
    check_playlist(head)


def test_whole_wav_passes_and_one_byte_less_does_not() -> None:
    check(WAV)
    check(WAV + b"what follows the samples")
    with pytest.raises(TruncatedAudio, match="1,044 bytes and has 1,043"):
        check(WAV[:-1])


def test_chunks_before_the_samples_are_walked_over() -> None:
    odd = struct.pack("<4sI", b"LIST", 5) + b"abcde\0"
    longer = WAV[:36] + odd + WAV[36:]
    check(longer)
    with pytest.raises(TruncatedAudio):
        check(longer[:-2])


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF, 0x7FFFFFDB])
def test_wav_of_unknown_length_is_streamed(size: int) -> None:
    content = WAV[:40] + struct.pack("<I", size) + WAV[44:]
    check(content)
    assert streamed_riff(BytesIO(content), len(content))
    assert not streamed_riff(BytesIO(WAV), len(WAV))


def test_rf64_counts_with_64_bits() -> None:
    head = wav_head(16_000, 2, 5 * 2**30)
    assert head.startswith(b"RF64")
    check_complete(BytesIO(head), len(head) + 5 * 2**30)
    with pytest.raises(TruncatedAudio):
        check_complete(BytesIO(head), len(head) + 5 * 2**30 - 1)


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.w64", "pcm_s16le"),
        ("a.au", "pcm_mulaw"),
        ("a.aiff", "pcm_s16be"),
        ("a.m4a", "aac"),
        ("a.mkv", "libopus"),
        ("a.mp3", "libmp3lame"),
    ],
)
def test_declared_lengths_are_read(tmp_path: Path, name: str, codec: str) -> None:
    rate = 48_000 if codec == "libopus" else 16_000
    write_sound(tmp_path / name, sweep(0.5, rate), rate, codec)
    content = (tmp_path / name).read_bytes()
    check(content)
    for cut in (len(content) - 1, len(content) // 2, 200):
        with pytest.raises(TruncatedAudio):
            check(content[:cut])


def test_mp4_without_an_index_was_cut_off() -> None:
    content = struct.pack(">I4s", 16, b"ftyp") + b"isom\0\0\0\0" + struct.pack(">I4s", 0, b"mdat")
    with pytest.raises(TruncatedAudio, match="moov"):
        check(content + bytes(100))


def test_containers_are_named_by_their_marks() -> None:
    assert beginning(WAV) == "WAV"
    assert beginning(b"OggS\0\2") == "Ogg"
    assert beginning(b"\0\0\0\x20ftypM4A ") == "MP4"
    assert beginning(b"%PDF-1.4") is None


@given(
    st.sampled_from(
        [WAV[:12], b"\0\0\0\x10ftyp", b"\x1a\x45\xdf\xa3", b"ID3", b"\xff\xfb", b".snd"]
    )
    | st.just(bytes.fromhex("726966662e91cf11a5d628db04c10000")),
    st.binary(max_size=300),
)
def test_any_bytes_pass_or_are_truncated(head: bytes, rest: bytes) -> None:
    try:
        check(head + rest)
    except TruncatedAudio as error:
        assert error.message  # noqa: PT017 - the point is that nothing else is raised
