"""The broker's contract over the embedded broker."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.contracts.broker_contract import OpenBroker, OwnPartitions

from twicetold.broker.file.broker import FileBroker

pytestmark = pytest.mark.contracts


class TestFileBroker(OwnPartitions):
    @pytest.fixture
    async def open_broker(self, tmp_path: Path) -> AsyncIterator[OpenBroker]:
        async with contextlib.AsyncExitStack() as stack:

            async def open_one() -> FileBroker:
                broker = FileBroker(tmp_path / "log")
                await broker.start()
                stack.push_async_callback(broker.aclose)
                return broker

            yield open_one
