"""Opening the object store by URL."""

from __future__ import annotations

from pathlib import Path

import pytest
import watchfiles

from twicetold.errors import SettingError
from twicetold.storage import local_path, open_store

pytestmark = pytest.mark.unit


async def test_files_are_named_as_a_watcher_names_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The default data directory is a relative one, and disks are often reached by a link."""
    (tmp_path / "disk").mkdir()
    (tmp_path / "link").symlink_to("disk")
    monkeypatch.chdir(tmp_path)
    file = local_path(open_store("file://", Path("link")), "dropped.wav")
    async for changes in watchfiles.awatch(
        file.parent, step=10, debounce=50, rust_timeout=50, yield_on_timeout=True
    ):
        if changes:
            assert {path for _, path in changes} == {str(file)}
            break
        file.touch()


def test_a_directory_of_its_own(tmp_path: Path) -> None:
    assert local_path(open_store(f"file://{tmp_path}/s", Path("data")), "a") == tmp_path / "s" / "a"


def test_another_scheme_is_refused() -> None:
    with pytest.raises(SettingError, match="file:///DIRECTORY"):
        open_store("s3://bucket", Path("data"))
