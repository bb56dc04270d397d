"""How much of a vocabulary is told to the decoder."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.engines.whisper.model import fitting

pytestmark = pytest.mark.unit


def encode(terms: Sequence[str]) -> list[int]:
    """As a tokenizer that has a token for each letter."""
    return [ord(letter) for letter in ", ".join(terms)]


@given(
    st.lists(st.text("abc", min_size=1, max_size=6), max_size=30), st.integers(min_value=0)
    | st.integers(0, 60)
)  # fmt: skip
def test_as_many_of_the_first_terms_as_fit_each_whole(terms: list[str], most: int) -> None:
    told = fitting(terms, encode, most)
    assert len(told) <= most
    fits = [count for count in range(1, len(terms) + 1) if len(encode(terms[:count])) <= most]
    if fits:
        assert told == encode(terms[: fits[-1]])
    else:
        assert told == encode(terms[:1])[:most]
