from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.broker.file.positions import FILE_NAME, load_positions, save_positions
from twicetold.errors import CorruptLog

pytestmark = pytest.mark.unit


def test_nothing_saved_is_none(tmp_path: Path) -> None:
    assert load_positions(tmp_path) is None


def test_the_last_value_holds(tmp_path: Path) -> None:
    for counter in range(1, 6):
        save_positions(tmp_path, counter, (counter, 2 * counter, 1 << 50))
        assert load_positions(tmp_path) == (counter, (counter, 2 * counter, 1 << 50))


@pytest.mark.parametrize("counter", [6, 7])
def test_a_write_that_was_cut_short_leaves_the_value_before_it(
    tmp_path: Path, counter: int
) -> None:
    save_positions(tmp_path, counter - 1, (1, 2, 3))
    before = (tmp_path / FILE_NAME).read_bytes()
    save_positions(tmp_path, counter, (4, 5, 6))
    after = (tmp_path / FILE_NAME).read_bytes().ljust(len(before), b"\0")
    changed = [i for i in range(len(after)) if after[i] != before.ljust(len(after), b"\0")[i]]
    for reached in range(changed[0] + 1, changed[-1] + 1):
        torn = after[:reached] + before.ljust(len(after), b"\0")[reached:]
        (tmp_path / FILE_NAME).write_bytes(torn)
        assert load_positions(tmp_path) == (counter - 1, (1, 2, 3))


def test_the_very_first_write_cut_short_is_none(tmp_path: Path) -> None:
    save_positions(tmp_path, 1, (4, 5, 6))
    whole = (tmp_path / FILE_NAME).read_bytes()
    (tmp_path / FILE_NAME).write_bytes(b"")
    assert load_positions(tmp_path) is None
    (tmp_path / FILE_NAME).write_bytes(b"\0" * len(whole))
    assert load_positions(tmp_path) is None


def test_damage_to_both_slots_is_refused(tmp_path: Path) -> None:
    save_positions(tmp_path, 1, (1, 2, 3))
    save_positions(tmp_path, 2, (4, 5, 6))
    path = tmp_path / FILE_NAME
    path.write_bytes(bytes(byte ^ 0x55 for byte in path.read_bytes()))
    with pytest.raises(CorruptLog, match="positions"):
        load_positions(tmp_path)
