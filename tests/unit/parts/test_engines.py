"""Which engines there are, and what they run on."""

from __future__ import annotations

from pathlib import Path

import pytest

from twicetold.config import Settings
from twicetold.parts import live_devices
from twicetold.tenants import Tenants

pytestmark = pytest.mark.unit


def test_what_live_engines_run_on_is_told_by_their_labels(tmp_path: Path) -> None:
    model = tmp_path / "tdt"
    model.mkdir()
    settings = Settings(
        live_engine=f"parakeet:{model}?device=cuda, missing, counter",
        live_final_engine=f"openai:whisper-1, parakeet:{tmp_path}",
    )
    tenants = Tenants.load(tmp_path / "tenants.toml")
    tenants.add("acme")
    tenants.wish("acme", {"live_engine": "pocketsphinx"})
    device = live_devices(settings, tenants)
    assert device("parakeet:tdt?device=cuda, counter") == "cuda"
    assert device("counter") == device("pocketsphinx") == "cpu"
    assert device("openai:whisper-1") == "remote"
    assert device(f"parakeet:{tmp_path.name}") == "auto"
    assert device("missing") == ""
