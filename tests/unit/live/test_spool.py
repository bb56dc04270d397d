"""What is gathered for a part leaves nothing behind, whoever is interrupted."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest

from twicetold.live import spool as module
from twicetold.live.spool import Spool

pytestmark = pytest.mark.unit

BLOCK = module._IN_MEMORY_BYTES


async def test_what_went_in_comes_out_and_the_file_goes(tmp_path: Path) -> None:
    path = tmp_path / "acme" / "call"
    spool = Spool(path, 10 * BLOCK)
    sound = bytes(range(256)) * (BLOCK // 256)
    for _ in range(3):
        spool.append(sound)
        await spool.settle()
    spool.append(b"the rest")
    await spool.settle()
    assert await spool.whole() == 3 * sound + b"the rest"
    assert path.stat().st_size == 3 * BLOCK
    await spool.aclose()
    assert (path.exists(), spool.size) == (False, 0)


async def test_its_file_goes_also_where_the_caller_is_cancelled(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "acme" / "call"
    spool = Spool(path, 10 * BLOCK)
    goes_on = threading.Event()
    write = spool._write

    def slowly(data: bytes) -> None:
        assert goes_on.wait(10)
        write(data)

    monkeypatch.setattr(spool, "_write", slowly)
    spool.append(bytes(BLOCK))
    settling = asyncio.create_task(spool.settle())
    await asyncio.sleep(0)
    settling.cancel()
    closing = asyncio.create_task(spool.aclose())
    await asyncio.sleep(0)
    closing.cancel()
    await asyncio.wait([settling, closing])
    assert closing.cancelled()
    goes_on.set()
    async with asyncio.timeout(10):
        while not path.parent.exists() or path.exists():
            await asyncio.sleep(0.01)
