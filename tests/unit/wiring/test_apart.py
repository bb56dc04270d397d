"""What a role by itself refuses before it has opened anything."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from twicetold.config import Settings
from twicetold.errors import SettingError
from twicetold.wiring import apart, opening

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("worker", list(apart.Worker))
async def test_a_worker_needs_a_broker_that_processes_share(
    worker: apart.Worker, tmp_path: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    with pytest.raises(SettingError, match=f"a {worker.role} by itself") as refused:
        await apart.work(worker, settings, "127.0.0.1", 0)
    assert "twicetold serve" in refused.value.hint
    assert not settings.data_dir.exists()


async def test_so_does_a_gateway(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data", port=0)
    with pytest.raises(SettingError, match="a gateway by itself"):
        await apart.gateway(settings)


async def test_a_gateway_that_others_reach_needs_tenants(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, port=0, host="0.0.0.0", broker="kafka://127.0.0.1:1")
    with pytest.raises(SettingError, match="no tenants file"):
        await apart.gateway(settings)


@pytest.mark.parametrize("setting", ["broker", "sessions", "queue", "transcripts"])
async def test_a_url_that_is_not_known_is_named_by_its_scheme(setting: str, tmp_path: Path) -> None:
    settings = replace(
        Settings(data_dir=tmp_path / "data"), **{setting: "carrier://me:secret@pigeons"}
    )
    with pytest.raises(SettingError, match=f"{setting} got carrier://") as refused:
        async with opening.carriers(settings):
            pass
    assert "secret" not in refused.value.message + refused.value.hint
