from __future__ import annotations

import pytest

from twicetold.errors import BadParameter, DecoderFailed, TruncatedAudio
from twicetold.media import SoundInfo
from twicetold.media.messages import (
    HEAD,
    Kind,
    pack,
    pack_failure,
    pack_info,
    unpack_failure,
    unpack_head,
    unpack_info,
)

pytestmark = pytest.mark.unit


def test_info_survives_the_way() -> None:
    info = SoundInfo("wav", "pcm_mulaw", 8_000, 1, 8_000, 1, None)
    message = pack_info(info)
    assert unpack_head(message[: HEAD.size]) == (Kind.INFO, len(message) - HEAD.size)
    assert unpack_info(message[HEAD.size :]) == info


def test_failure_keeps_its_kind_words_and_hint() -> None:
    error = unpack_failure(pack_failure(TruncatedAudio("Cut short.", "Copy it."))[HEAD.size :])
    assert (type(error), error.message, error.hint) == (TruncatedAudio, "Cut short.", "Copy it.")


def test_failure_that_no_decoder_has_is_a_failed_decoder() -> None:
    error = unpack_failure(pack_failure(BadParameter("What?"))[HEAD.size :])
    assert (type(error), error.message) == (DecoderFailed, "What?")


def test_a_head_that_cannot_be_is_an_error() -> None:
    with pytest.raises(ValueError, match="expected at most"):
        unpack_head(HEAD.pack(Kind.PCM, 2**31))
    with pytest.raises(ValueError, match="99"):
        unpack_head(HEAD.pack(99, 0))
    assert unpack_head(pack(Kind.END)) == (Kind.END, 0)
