"""Opening the object store by URL."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import watchfiles

from twicetold.errors import SettingError
from twicetold.storage import local_path, open_store, remove_all, remove_stale_staged

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


def test_all_below_a_prefix_goes_also_what_the_store_does_not_show(tmp_path: Path) -> None:
    store = open_store("file://", tmp_path)
    for name in ("parts/acme/call/000000", "jobs/acme/call/c/plan/chunk-000000.json"):
        store.put(name, b"heard")
        staged = local_path(store, name + "#1")  # as obstore leaves it when it is killed
        staged.write_bytes(b"heard")
        assert [m["path"] for batch in store.list(name.rpartition("/")[0]) for m in batch] == [name]
    store.put("parts/acme/call-2/000000", b"another's")
    for prefix in ("parts/acme/call/", "jobs/acme/call/", "waveforms/acme/call/"):
        remove_all(store, prefix)
    assert not (tmp_path / "store/parts/acme/call").exists()
    assert not (tmp_path / "store/jobs/acme/call").exists()
    assert local_path(store, "parts/acme/call-2/000000").exists()


def test_a_link_is_not_followed_to_what_lies_behind_it(tmp_path: Path) -> None:
    store = open_store("file://", tmp_path)
    kept = tmp_path / "kept"
    kept.mkdir()
    (kept / "file").touch()
    parts = tmp_path / "store/parts/acme"
    parts.mkdir(parents=True)
    (parts / "call").symlink_to(kept)
    (parts / "other").mkdir()
    (parts / "other" / "link").symlink_to(kept)
    for call in ("call", "other"):
        remove_all(store, f"parts/acme/{call}/")
    assert (kept / "file").exists()


def test_what_was_left_half_written_goes_once_it_is_old(tmp_path: Path) -> None:
    store = open_store("file://", tmp_path)
    old = ("recordings/acme/call.wav#1", "parts/acme/call/000000#12")
    kept = ("recordings/acme/call.wav", "recordings/acme/track#1.wav", "recordings/acme/track#1")
    for name in (*old, *kept, "recordings/acme/young.wav#1"):
        path = local_path(store, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if "young" not in name:
            os.utime(path, (0, 0))
    assert sorted(remove_stale_staged(store, 3600.0)) == sorted(old)
    assert not any(local_path(store, name).exists() for name in old)
    assert all(local_path(store, name).exists() for name in kept)
    assert local_path(store, "recordings/acme/young.wav#1").exists()
