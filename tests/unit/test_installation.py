"""The name of an installation: made once, for all who share the data directory."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from twicetold.errors import DiskFull, SettingError
from twicetold.installation import installation_of, known_installation

pytestmark = pytest.mark.unit


def test_it_is_made_once_and_known_from_then_on(tmp_path: Path) -> None:
    assert known_installation(tmp_path) == ""
    made = installation_of(tmp_path)
    assert len(made) == 16
    assert installation_of(tmp_path) == known_installation(tmp_path) == made


def test_each_directory_has_its_own(tmp_path: Path) -> None:
    (tmp_path / "other").mkdir()
    assert installation_of(tmp_path) != installation_of(tmp_path / "other")


def test_processes_that_begin_at_once_agree(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as pool:  # a lock on a file tells them apart as it does processes
        assert len(set(pool.map(installation_of, [tmp_path] * 16))) == 1


def test_one_may_be_given(tmp_path: Path) -> None:
    (tmp_path / "installation").write_text("acme-live\n")
    assert installation_of(tmp_path) == "acme-live"


def test_a_file_that_holds_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "installation").write_text("two words")
    for ask in (installation_of, known_installation):
        with pytest.raises(SettingError, match="holds no installation's id"):
            ask(tmp_path)


def test_a_directory_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DiskFull, match="Cannot write"):
        installation_of(tmp_path / "missing")
    assert known_installation(tmp_path / "missing") == ""
