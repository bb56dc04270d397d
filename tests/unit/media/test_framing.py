from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.unit.media.sounds import stream_pieces, sweep

from twicetold.errors import NotAStreamStart, NotAudio
from twicetold.media.framing import StreamStart, walker

pytestmark = pytest.mark.unit

PIECES = {name: stream_pieces(name, sweep(0.5, 48_000)) for name in ("webm", "ogg")}


@pytest.mark.parametrize("container", ["webm", "ogg"])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_a_stream_is_accepted_in_any_split(container: str, data: st.DataObject) -> None:
    whole = b"".join(PIECES[container])
    cuts = data.draw(st.lists(st.integers(0, len(whole)), max_size=30).map(sorted))
    start, walk = StreamStart(container), walker(container)
    for a, b in pairwise([0, *cuts, len(whole)]):
        start.feed(whole[a:b])
        walk.feed(whole[a:b])


@pytest.mark.parametrize("container", ["webm", "ogg"])
@settings(max_examples=30, deadline=None)
@given(st.data())
def test_junk_between_pieces_is_found(container: str, data: st.DataObject) -> None:
    walk = walker(container)
    for piece in PIECES[container]:
        walk.feed(piece)
    junk = data.draw(st.binary(min_size=13, max_size=64).map(lambda body: b"\0" + body))
    with pytest.raises(NotAudio):
        walk.feed(junk)


@pytest.mark.parametrize("container", ["webm", "ogg"])
@pytest.mark.parametrize("head", [b"R", b"RIFF", b"\0", b"OggT", b"\x1a\x45\xdf\xa4", b"Z"])
def test_another_beginning_is_refused_at_its_first_wrong_byte(container: str, head: bytes) -> None:
    start = StreamStart(container)
    right = {"webm": b"\x1a\x45\xdf\xa3", "ogg": b"OggS"}[container]
    for end in range(1, len(head) + 1):
        if right.startswith(head[:end]):
            start.feed(head[end - 1 : end])
            continue
        with pytest.raises(NotAStreamStart):
            start.feed(head[end - 1 : end])
        return


def test_ogg_page_that_is_not_the_first_is_refused() -> None:
    page = PIECES["ogg"][5]
    assert page.startswith(b"OggS")
    with pytest.raises(NotAStreamStart):
        StreamStart("ogg").feed(page)


def test_webm_cluster_without_its_header_is_refused() -> None:
    with pytest.raises(NotAStreamStart):
        StreamStart("webm").feed(bytes.fromhex("1f43b675"))


def test_ogg_of_another_codec_is_named() -> None:
    page = PIECES["ogg"][0].replace(b"OpusHead", b"\x01vorbis ")
    with pytest.raises(NotAudio, match="Opus"):
        StreamStart("ogg").feed(page)


def test_second_webm_header_in_one_stream_is_refused() -> None:
    walk = walker("webm")
    whole = b"".join(PIECES["webm"])
    walk.feed(whole)
    with pytest.raises(NotAudio):
        walk.feed(whole)
