from __future__ import annotations

import zlib
from itertools import accumulate
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from twicetold.broker.file.records import (
    HEAD_BYTES,
    RECORD_BYTES,
    list_segments,
    pack_head,
    pack_record,
    read_records,
    seeds,
    segment_path,
    verify_segment,
)
from twicetold.errors import CorruptLog

pytestmark = pytest.mark.unit

AUDIO, FINALS = 1, 2
SALT = 0xC0FFEE

Record = tuple[int, bytes]

in_a_folder = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
payloads = st.binary(max_size=60) | st.sampled_from([b"", b"\0" * 30, b"\1" * 30])
some_records = st.lists(st.tuples(st.sampled_from([AUDIO, FINALS]), payloads), max_size=12)


def packed(topic: int, payload: bytes, salt: int = SALT) -> bytes:
    checksum = zlib.crc32(payload, seeds(salt)[topic])
    return pack_record(len(payload) + 1, checksum, topic) + payload


def segment(records: list[Record], first: int = 0) -> bytes:
    return pack_head(SALT, first) + b"".join(packed(*record) for record in records)


def positions(records: list[Record], first: int = 0) -> list[int]:
    """Where each record begins, and where the last one ends."""
    sizes = [RECORD_BYTES + len(payload) for _, payload in records]
    return list(accumulate(sizes, initial=first + HEAD_BYTES))


def write(folder: Path, data: bytes, first: int = 0) -> Path:
    path = segment_path(folder, first)
    path.write_bytes(data)
    return path


@in_a_folder
@given(records=some_records, first=st.integers(0, 2**40))
def test_a_whole_segment_verifies_to_its_end(
    tmp_path: Path, records: list[Record], first: int
) -> None:
    data = segment(records, first)
    found = verify_segment(write(tmp_path, data, first), first, 0, last=False)
    assert (found.end, found.salt, found.torn) == (first + len(data), SALT, False)


@in_a_folder
@given(records=some_records, topic=st.sampled_from([AUDIO, FINALS]), limit=st.integers(1, 200))
def test_reading_in_pieces_gives_every_record_of_the_topic_once(
    tmp_path: Path, records: list[Record], topic: int, limit: int
) -> None:
    """Over two segments, whatever the piece, from every place where a record begins."""
    half = len(records) // 2
    second = write_two(tmp_path, records[:half], records[half:])
    places = positions(records[:half])[:-1] + positions(records[half:], second)
    expected = [
        (place, payload)
        for place, (number, payload) in zip(places, records, strict=False)
        if number == topic
    ]
    for start in [0, second, *places]:
        found, at = [], start
        while at < places[-1]:
            piece, at = read_records(tmp_path, [0, second], at, places[-1], topic, limit)
            found += piece
        assert found == [each for each in expected if each[0] >= start]


def write_two(folder: Path, one: list[Record], two: list[Record]) -> int:
    for path in folder.iterdir():
        path.unlink()
    first = write(folder, segment(one)).stat().st_size
    write(folder, segment(two, first), first)
    assert list_segments(folder) == [0, first]
    return first


@in_a_folder
@given(
    records=some_records.filter(bool),
    cut=st.integers(1, 60),
    zeros=st.sampled_from([0, 1, 8, 9, 5000]),
)
def test_a_torn_last_record_ends_the_log_before_it(
    tmp_path: Path, records: list[Record], cut: int, zeros: int
) -> None:
    whole = segment(records)
    last = RECORD_BYTES + len(records[-1][1])
    data = whole[: -min(cut, last)] + b"\0" * zeros
    found = verify_segment(write(tmp_path, data), 0, 0, last=True)
    if data.startswith(whole):  # the zeros put back what was cut off
        assert found.end == len(whole)
    else:
        assert found.end == len(whole) - last
        assert found.torn == (len(data) > found.end)


@in_a_folder
@given(data=st.data(), records=some_records.filter(lambda records: len(records) > 1))
def test_damage_with_an_intact_record_behind_it_is_refused(
    tmp_path: Path, data: st.DataObject, records: list[Record]
) -> None:
    whole = bytearray(segment(records))
    at = data.draw(st.integers(0, positions(records)[-2] - 1), label="damaged byte")
    whole[at] ^= data.draw(st.integers(1, 255), label="by")
    path = write(tmp_path, bytes(whole))
    with pytest.raises(CorruptLog) as caught:
        verify_segment(path, 0, 0, last=True)
    assert str(path) in str(caught.value)
    with pytest.raises(CorruptLog):
        read_all(tmp_path, len(whole))


def read_all(folder: Path, stop: int) -> None:
    for topic in (AUDIO, FINALS):
        at = 0
        while at < stop:
            _, at = read_records(folder, [0], at, stop, topic, 1 << 20)


def test_only_the_last_segment_may_be_torn(tmp_path: Path) -> None:
    path = write(tmp_path, segment([(AUDIO, b"whole"), (AUDIO, b"torn")])[:-1])
    assert verify_segment(path, 0, 0, last=True).torn
    with pytest.raises(CorruptLog):
        verify_segment(path, 0, 0, last=False)


@pytest.mark.parametrize("data", [b"", b"TWICE", b"\0" * 16, b"\0" * 4096])
def test_a_head_that_was_cut_short_is_an_empty_segment(tmp_path: Path, data: bytes) -> None:
    found = verify_segment(write(tmp_path, data, 700), 700, 0, last=True)
    assert found.headless
    assert found.end == 700


def test_a_segment_under_another_name_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, segment([(AUDIO, b"x")], first=0), first=16)
    with pytest.raises(CorruptLog):
        verify_segment(path, 16, 0, last=True)


def test_audio_made_to_look_like_a_record_does_not_pass_for_one(tmp_path: Path) -> None:
    """A kill in the middle of such a message leaves a torn record, not a damaged log."""
    forged = packed(AUDIO, b"forged", salt=0) * 3 + b"tail"
    data = segment([(AUDIO, b"first"), (AUDIO, forged)])[:-2]
    found = verify_segment(write(tmp_path, data), 0, 0, last=True)
    assert found.torn
    assert found.end == positions([(AUDIO, b"first")])[-1]


def test_verifying_begins_at_the_lowest_position(tmp_path: Path) -> None:
    """What every group has released is nobody's loss."""
    records = [(AUDIO, b"released"), (AUDIO, b"kept"), (AUDIO, b"kept too")]
    data = bytearray(segment(records))
    data[positions(records)[0] + RECORD_BYTES] ^= 1
    path = write(tmp_path, bytes(data))
    begin = positions(records)[1]
    assert verify_segment(path, 0, begin, last=True).end == len(data)
    with pytest.raises(CorruptLog):
        verify_segment(path, 0, 0, last=True)
