"""What clients are told, as JSON and as captions."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.speech.events import Caption, Kind, Partial, Ready, Status

pytestmark = pytest.mark.unit


@given(st.text(), st.floats(0, 1e6), st.integers(0, 2**31))
def test_a_partial_is_plain_json_with_its_type_first(text: str, start: float, number: int) -> None:
    told = Partial(1, number, start, start + 1.0, text, "x", 2).to_json()
    assert json.loads(told) == {
        "type": "partial",
        "channel": 1,
        "utterance": number,
        "start": start,
        "end": start + 1.0,
        "text": text,
        "engine": "x",
        "settled": 2,
    }
    assert told.startswith('{"type":"partial",')


def test_every_field_is_told_in_the_order_in_which_it_is_declared() -> None:
    assert Ready("c", "s", 7).to_json() == (
        '{"type":"ready","call_id":"c","session":"s","next_seq":7}'
    )


def test_a_caption_crosses_the_broker_unchanged() -> None:
    caption = Caption.of(Status("c", "transcribing", 1.5, 60.0))
    assert Caption.from_bytes(caption.to_bytes()) == caption
    assert caption.kind is Kind.STATUS
