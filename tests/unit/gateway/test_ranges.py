"""Byte ranges: the law that whatever is given lies in the file and in what was asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.gateway.conditions import matches, range_applies
from twicetold.gateway.ranges import NotSatisfiable, parse_range

pytestmark = pytest.mark.unit

sizes = st.integers(0, 10_000)
positions = st.integers(0, 12_000)


@given(sizes, positions, positions)
def test_a_closed_range_is_what_a_slice_would_give(size: int, first: int, last: int) -> None:
    data = range(size)
    header = f"bytes={first}-{last}"
    if last < first:
        assert parse_range(header, size) is None  # invalid: the whole is given
    elif not data[first : last + 1]:
        with pytest.raises(NotSatisfiable):
            parse_range(header, size)
    else:
        span = parse_range(header, size)
        assert span is not None
        assert data[span[0] : span[1] + 1] == data[first : last + 1]


@given(sizes, positions)
def test_an_open_range_goes_to_the_end(size: int, first: int) -> None:
    if first >= size:
        with pytest.raises(NotSatisfiable):
            parse_range(f"bytes={first}-", size)
    else:
        assert parse_range(f"bytes={first}-", size) == (first, size - 1)


@given(sizes, positions)
def test_a_suffix_is_the_end_of_the_file(size: int, length: int) -> None:
    if not size or not length:
        with pytest.raises(NotSatisfiable):
            parse_range(f"bytes=-{length}", size)
    else:
        span = parse_range(f"bytes=-{length}", size)
        assert span is not None
        assert range(size)[span[0] : span[1] + 1] == range(size)[-length:]


@given(st.text(max_size=60) | st.from_regex(r"bytes=[0-9 ,-]{0,30}", fullmatch=True), sizes)
def test_any_header_gives_a_range_within_the_file_the_whole_or_416(header: str, size: int) -> None:
    try:
        span = parse_range(header, size)
    except NotSatisfiable:
        return
    assert span is None or 0 <= span[0] <= span[1] < size


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=a-b", "bytes=1-2,4-5", "lines=1-2", "bytes=--1",
     "bytes=1", "bytes=" + "9" * 300 + "-", "bytes=²-"],
)  # fmt: skip
def test_what_is_not_one_byte_range_gives_the_whole(header: str | None) -> None:
    assert parse_range(header, 100) is None


def test_the_unit_counts_in_any_case_and_spaces_do_not_count() -> None:
    assert parse_range(" Bytes = 2-5 ", 100) == (2, 5)


def test_if_none_match_compares_weakly_and_lists() -> None:
    assert matches('W/"a"', '"a"')
    assert matches('"b", "a"', '"a"')
    assert matches("*", '"a"')
    assert not matches('"b"', '"a"')
    assert not matches(None, '"a"')


def test_if_range_takes_only_the_very_tag() -> None:
    assert range_applies(None, '"a"')
    assert range_applies('"a"', '"a"')
    assert not range_applies('W/"a"', '"a"')
    assert not range_applies("Fri, 20 Nov 2026 11:00:00 GMT", '"a"')
