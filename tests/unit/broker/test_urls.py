"""Brokers' URLs: what they say is read whole, and what is wrong is told without a secret."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.broker.keys import decode_key, encode_key, partition_of
from twicetold.broker.urls import parse_broker_url
from twicetold.errors import SettingError
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit


def parse(url: str):  # type: ignore[no-untyped-def]
    return parse_broker_url(
        url, default_port=9092, default_prefix="twicetold", options=frozenset({"partitions"})
    )


def test_a_url_says_hosts_prefix_options_and_who_we_are() -> None:
    found = parse("kafka://me:p%2Fw%40x@one,two:9,[::1]:8/calls?partitions=24")
    assert found.hosts == ("one:9092", "two:9", "[::1]:8")
    assert (found.user, found.password, found.prefix) == ("me", "p/w@x", "calls")
    assert found.whole("partitions", 12, 1, 99) == 24
    assert found.shown == "kafka://one:9092,two:9,[::1]:8"
    assert parse("kafka://host").prefix == "twicetold"
    assert parse("kafka://me:sec[ret@host").password == "sec[ret"


@pytest.mark.parametrize(
    "url",
    [
        "kafka://",
        "kafka:///prefix",
        "kafka://ho st",
        "kafka://host:port",
        "kafka://host:99999",
        "kafka://host/a/b",
        "kafka://host/?partitions",
        "kafka://host/?replicas=3",
        "kafka://host#fragment",
        "kafka://me:sec/ret@host",
        "kafka://me:sec#ret@host",
        "kafka://me:sec?ret@host",
    ],
)
def test_what_cannot_be_read_is_refused_without_being_quoted(url: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse(url)
    assert "sec" not in refused.value.message
    assert "ret@" not in refused.value.message + refused.value.hint


@pytest.mark.parametrize("value", ["0", "100", "-1", "1.5", "twelve", ""])
def test_numbers_out_of_range_are_refused(value: str) -> None:
    with pytest.raises(SettingError, match="partitions"):
        parse(f"kafka://host?partitions={value}").whole("partitions", 12, 1, 99)


@given(
    st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,20}", fullmatch=True).map(str), st.integers(1, 64)
)
def test_keys_come_back_and_have_one_partition(name: str, partitions: int) -> None:
    key = CallKey.checked(name, f"call-{name}")
    raw = encode_key(key)
    assert decode_key(raw) == key
    assert 0 <= partition_of(raw, partitions) < partitions
    assert partition_of(raw, partitions) == partition_of(encode_key(key), partitions)


@given(st.binary(max_size=40))
def test_what_is_no_key_is_no_key(raw: bytes) -> None:
    with contextlib.suppress(ValueError):
        assert encode_key(decode_key(raw)) == raw


def test_a_message_without_a_key_has_none() -> None:
    with pytest.raises(ValueError):
        decode_key(None)


def test_partitions_stay_where_they_are() -> None:
    """Processes of different versions must agree: a change here would part a call from itself."""
    keys = [CallKey("acme", f"call-{number}") for number in range(6)]
    assert [partition_of(encode_key(key), 12) for key in keys] == [3, 9, 11, 1, 2, 4]
