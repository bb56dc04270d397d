"""Snippets: marks become positions, and the text is what it was without them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.gateway.schemas import Snippet

pytestmark = pytest.mark.unit

plain = st.text(st.characters(exclude_characters="\ue000\ue001", exclude_categories=["Cs"]))


@given(st.lists(st.tuples(plain, plain), max_size=5), plain)
def test_law_matches_are_where_the_marks_were(pairs: list[tuple[str, str]], end: str) -> None:
    marked = "".join(f"{before}\ue000{found}\ue001" for before, found in pairs) + end
    snippet = Snippet.of(marked)
    assert snippet.text == "".join(before + found for before, found in pairs) + end
    assert [snippet.text[a:b] for a, b in snippet.matches] == [found for _, found in pairs]


@given(st.text("ab\ue000\ue001", max_size=30))
def test_marks_without_a_partner_do_no_harm(marked: str) -> None:
    snippet = Snippet.of(marked)
    assert snippet.text == marked.replace("\ue000", "").replace("\ue001", "")
    assert all(0 <= a <= b <= len(snippet.text) for a, b in snippet.matches)
