"""An engine judged on one's own calls: two real engines in the product as its user starts it."""

from __future__ import annotations

import asyncio
import json
import os
import re
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.acceptance.test_cli import here, serving
from tests.models.parakeet import Shape, make_model

from twicetold.client import ApiClient
from twicetold.errors import NotFound

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

SAMPLE = Path(__file__).parents[2] / "samples" / "calls" / "hello.flac"
CALL = "hello"
NO_SHADOW = (404, "transcript_not_found")


@pytest.fixture
def environ() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("TWICETOLD_")}
    few = {"TWICETOLD_LIVE_HOSTS": "1", "TWICETOLD_BATCH_HOSTS": "1"}
    return {**kept, **few, "TWICETOLD_BATCH_NICENESS": "0", "COLUMNS": "160"}


def client_of(url: str, key: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=url, headers={"Authorization": f"Bearer {key}"})


async def refusal(api: httpx.AsyncClient, path: str) -> tuple[int, str]:
    answer = await api.get(path)
    return answer.status_code, answer.json()["error"]["code"]


async def shadow_of(api: httpx.AsyncClient, mode: str = "batch") -> dict[str, Any]:
    """The call's shadow, once it is there."""
    async with asyncio.timeout(120):
        while True:
            answer = await api.get(f"/v1/calls/{CALL}/shadow", params={"mode": mode})
            if answer.status_code == 200:
                return dict(answer.json())
            await asyncio.sleep(0.1)


async def figures(url: str) -> dict[str, float]:
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{url}/metrics")).text
    found = re.findall(r"^(twicetold_shadow\S+) (\S+)$", text, re.M)
    return {name: float(value) for name, value in found}


async def both_hear_it(url: str, keys: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Each tenant uploads the same call; the shadows of the one that wants shadows."""
    for key in keys.values():
        async with ApiClient(url, key) as uploading:
            await uploading.upload(CALL, SAMPLE)
    async with client_of(url, keys["acme"]) as acme, client_of(url, keys["globex"]) as globex:
        shadow = await shadow_of(acme)
        call = (await acme.get(f"/v1/calls/{CALL}")).json()
        assert (call["status"], call["canonical_engine"]) == ("done", "pocketsphinx")
        assert shadow["revision"] == call["canonical_revision"]
        live = await shadow_of(acme, "live")
        assert live["revision"] == call["canonical_revision"]
        listed = (await acme.get("/v1/shadows")).json()["shadows"]
        assert listed == [
            {name: value for name, value in each.items() if name != "segments"}
            for each in (live, shadow)
        ]
        transcript = (await acme.get(f"/v1/calls/{CALL}/transcript")).json()
        assert transcript["engine"] == "pocketsphinx"
        heard = {segment["text"] for segment in shadow["segments"]}
        assert heard.isdisjoint(segment["text"] for segment in transcript["segments"])
        some = max(" ".join(heard).split(), key=len)
        assert (await acme.get("/v1/search", params={"q": some})).json()["hits"] == []
        assert (await globex.get("/v1/shadows")).json()["shadows"] == []
        assert await refusal(globex, f"/v1/calls/{CALL}/shadow") == NO_SHADOW
    return shadow, live


async def deleted(url: str, key: str) -> None:
    async with client_of(url, key) as acme:
        assert (await acme.delete(f"/v1/calls/{CALL}")).status_code == 204
        assert (await acme.get("/v1/shadows")).json()["shadows"] == []
        assert (await refusal(acme, f"/v1/calls/{CALL}/shadow"))[1] == "call_deleted"


@pytest.mark.slow
def test_another_engine_is_judged_on_a_tenants_own_calls(
    tmp_path: Path, environ: dict[str, str]
) -> None:
    """pocketsphinx writes the transcript; a Parakeet with random weights is its shadow, and
    pocketsphinx again, live."""
    data, model = str(tmp_path / "data"), make_model(tmp_path / "small-tdt", Shape(seed=3))
    where = ("--data-dir", data)
    keys = {
        name: here(environ, "tenants", "add", name, *where).stdout.strip()
        for name in ("acme", "globex")
    }
    wanted = here(environ, "tenants", "set", "acme", f"shadow_engine=parakeet:{model}", *where)
    assert f"shadow_engine = parakeet:{model}" in wanted.stdout
    here(environ, "tenants", "set", "acme", "shadow_live_engine=pocketsphinx", *where)
    with serving(tmp_path / "data", environ) as url:
        shadow, live = asyncio.run(both_hear_it(url, keys))
        assert (live["engine"], live["canonical_words"]) == (
            "pocketsphinx",
            shadow["canonical_words"],
        )
        assert live["difference"] < 0.3, "the same engine, in its other pass"
        assert live["words"] > 0
        assert shadow["engine"] == "parakeet:small-tdt"
        assert shadow["difference"] > 0.5, "random weights hear nonsense"
        assert shadow["words"] > 0
        assert shadow["canonical_words"] > 0
        assert shadow["rtfx"] > 0
        told = asyncio.run(figures(url))
        assert (told["twicetold_shadow_runs_total"], told["twicetold_shadow_failures_total"]) == (
            2.0,
            0.0,
        )
        for name in ("audio", "compute"):
            total = shadow[f"{name}_s"] + live[f"{name}_s"]
            assert told[f"twicetold_shadow_{name}_seconds_total"] == pytest.approx(total)

        page = json.loads(here(environ, "shadow", "show", "acme", "--json", *where).stdout)
        totals = next(each for each in page["totals"] if each["pass"] == "batch")
        assert (totals["engine"], totals["calls"]) == ("parakeet:small-tdt", 1)
        assert totals["difference"] == shadow["difference"]
        shown = here(environ, "shadow", "show", "acme", *where).stdout
        assert "whisper-english" in shown
        assert f"{shadow['difference']:.1%}" in shown
        beside = here(environ, "shadow", "show", "acme", "--call", CALL, *where).stdout
        assert "canonical: pocketsphinx" in beside
        assert "shadow: parakeet:small-tdt" in beside
        asyncio.run(deleted(url, keys["acme"]))
        gone = here(environ, "shadow", "show", "acme", "--call", CALL, *where, code=1)
        assert isinstance(gone.exception, NotFound)
