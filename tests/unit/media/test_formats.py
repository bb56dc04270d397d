"""One table of formats: what the drop folder and the command line take, the decoder reads."""

from __future__ import annotations

import av
import pytest

from twicetold.batch.arrivals import Unwelcome, call_of
from twicetold.media.formats import (
    DEMUXERS_BY_CONTENT,
    FORMATS,
    MEDIA_TYPES,
    RAW_MULAW,
    SUFFIX_OF_CONTAINER,
    SUFFIXES,
)

pytestmark = pytest.mark.unit


def test_no_suffix_and_no_container_is_named_twice() -> None:
    assert len(MEDIA_TYPES) == sum(len(one.media_types) for one in FORMATS)
    assert len(SUFFIX_OF_CONTAINER) == len(FORMATS)


@pytest.mark.parametrize("demuxer", [*DEMUXERS_BY_CONTENT, *RAW_MULAW.demuxers])
def test_the_decoder_has_every_format(demuxer: str) -> None:
    names = {name for known in av.formats_available for name in known.split(",")}
    # FFmpeg calls its reader of both "matroska,webm".
    assert demuxer in names


def test_raw_sound_is_never_guessed() -> None:
    assert not set(RAW_MULAW.demuxers) & set(DEMUXERS_BY_CONTENT)


@pytest.mark.parametrize("suffix", sorted(SUFFIXES))
def test_the_drop_folder_takes_what_is_read(suffix: str) -> None:
    assert call_of(f"recordings/acme/call-1{suffix}").call_id == "call-1"


@pytest.mark.parametrize("suffix", [".wma", ".amr", ".m3u8", ".txt", ""])
def test_the_drop_folder_leaves_what_is_not_read(suffix: str) -> None:
    with pytest.raises(Unwelcome):
        call_of(f"recordings/acme/call-1{suffix}")
