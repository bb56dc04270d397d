"""One process alone on a data directory, or several that share it, whatever becomes of them."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.integration.processes import holding, process

from twicetold import file_systems
from twicetold.data_directory import alone, held, holders, spool_of, sweep_spools
from twicetold.errors import DataDirectoryLocked, DiskFull, SettingError

pytestmark = pytest.mark.integration


def refusal(data_dir: Path, *, shared: bool) -> DataDirectoryLocked:
    with pytest.raises(DataDirectoryLocked) as refused, held(data_dir, "new", shared=shared):
        pass
    return refused.value


def test_two_that_need_it_alone(tmp_path: Path) -> None:
    with holding(tmp_path, "serve", shared=False) as other:
        said = refusal(tmp_path, shared=False)
        assert said.message == (
            f"{tmp_path} is in use by another server (serve, process {other.pid})."
        )
        assert "--data-dir" in said.hint


def test_those_that_share_it_are_all_named(tmp_path: Path) -> None:
    with (
        holding(tmp_path, "gateway", shared=True) as gateway,
        holding(tmp_path, "live worker", shared=True) as worker,
    ):
        with held(tmp_path, "recorder", shared=True):
            assert {(one.role, one.pid) for one in holders(tmp_path)} == {
                ("gateway", gateway.pid),
                ("live worker", worker.pid),
                ("recorder", os.getpid()),
            }
        said = refusal(tmp_path, shared=False)
        for named in (f"gateway, process {gateway.pid}", f"live worker, process {worker.pid}"):
            assert named in said.message
        assert "broker=file://" in said.hint


def test_who_would_share_it_waits_for_nobody(tmp_path: Path) -> None:
    with holding(tmp_path, "serve", shared=False) as other:
        said = refusal(tmp_path, shared=True)
        assert f"serve, process {other.pid}" in said.message
        assert "for itself" in said.hint


REDIS = {"sessions": ["redis://localhost:6379/0"], "broker": ["kafka://a/t", "kafka://b/t"]}


def test_those_that_share_it_keep_calls_in_the_same_places(tmp_path: Path) -> None:
    with holding(tmp_path, "gateway", shared=True, keeps=REDIS) as gateway:
        same = {**REDIS, "broker": ["kafka://b/t"]}
        with held(tmp_path, "recorder", shared=True, keeps=same):
            pass
        for setting, other in (("sessions", "sqlite://"), ("broker", "kafka://c/t")):
            at_odds = {**REDIS, setting: [other]}
            with (
                pytest.raises(SettingError) as refused,
                held(tmp_path, "recorder", shared=True, keeps=at_odds),
            ):
                pass
            assert refused.value.message == (
                f"{setting} is {other} here, but {REDIS[setting][0]} for gateway,"
                f" process {gateway.pid}."
            )
        assert [one.role for one in holders(tmp_path)] == ["gateway"]
    with held(tmp_path, "recorder", shared=True, keeps={"sessions": ["sqlite://"]}):
        pass  # nobody is there any more


def test_a_process_of_an_older_version_says_nothing_of_it(tmp_path: Path) -> None:
    with (
        holding(tmp_path, "gateway", shared=True),
        held(tmp_path, "recorder", shared=True, keeps=REDIS),
    ):
        pass


@pytest.mark.parametrize("shared", [True, False])
def test_the_killed_hold_nothing(tmp_path: Path, shared: bool) -> None:
    with holding(tmp_path, "serve", shared=shared) as other:
        other.kill()
        other.wait()
        with held(tmp_path, "new", shared=False):
            assert [one.role for one in holders(tmp_path)] == ["new"]
    assert holders(tmp_path) == []
    assert list((tmp_path / "processes").iterdir()) == []


def test_a_disk_of_another_machine_is_not_shared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = tmp_path / "mountinfo"
    mounts.write_text(f"1 0 0:1 / {tmp_path} rw - nfs4 nas:/ rw\n")
    monkeypatch.setattr(file_systems, "_MOUNTS", mounts)
    with pytest.raises(SettingError, match="nfs4"), held(tmp_path / "data", "new", shared=True):
        pass
    with held(tmp_path / "data", "serve", shared=False):
        pass  # alone it may be there


def test_a_directory_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DiskFull, match="Cannot write"), held(tmp_path / "file", "x", shared=True):
        pass


def test_spools_of_the_dead_are_swept(tmp_path: Path) -> None:
    with holding(tmp_path, "recorder", shared=True):
        (living,) = (path.name for path in (tmp_path / "processes").iterdir())
        mine = spool_of(tmp_path)
        old_layout = tmp_path / "spool" / "acme"
        for spool in (tmp_path / "spool" / living, mine, old_layout):
            (spool / "acme").mkdir(parents=True)
            (spool / "acme" / "call").write_bytes(b"what was said")
        with held(tmp_path, "recorder", shared=True):
            sweep_spools(tmp_path)
        assert {path.name for path in (tmp_path / "spool").iterdir()} == {living, mine.name}
    sweep_spools(tmp_path)
    assert list((tmp_path / "spool").iterdir()) == []


ALONE = """
    import asyncio, sys
    from pathlib import Path
    from twicetold.data_directory import alone
    async def main():
        async with alone(Path(sys.argv[1])):
            print("there", flush=True)
            await asyncio.sleep(60)
    asyncio.run(main())
"""


async def test_one_at_a_time_and_the_next_once_it_was_killed(tmp_path: Path) -> None:
    path = tmp_path / "turn"
    turn = asyncio.Event()

    async def wait() -> None:
        async with alone(path):
            turn.set()
            await asyncio.Event().wait()

    with process(ALONE, path) as first:
        assert first.stdout is not None
        assert await asyncio.to_thread(first.stdout.readline) == "there\n"
        waiting, given_up = asyncio.create_task(wait()), asyncio.create_task(wait())
        await asyncio.sleep(0.2)
        assert not turn.is_set()
        given_up.cancel()
        await asyncio.wait([given_up])
        first.kill()
        async with asyncio.timeout(10):
            await turn.wait()
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    async with asyncio.timeout(10), alone(path):  # who gave up has kept nothing
        pass
