"""Tokens of the language models that enrichment asks: noted for each attempt, with their price."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from tests.integration.batch_world import KEY, RATE, World, a_world, wav
from tests.servers.chat import MODEL, ChatServer, Reply, content
from tests.servers.speaking import KEY as LLM_KEY
from tests.servers.transcriptions import Answer

from twicetold.batch.enriching import Enriching
from twicetold.config import Settings
from twicetold.engines.counter import render
from twicetold.enrich.steps import Facts, Known, Packed, Step
from twicetold.errors import EnrichmentFailed
from twicetold.queue import JobState
from twicetold.tenants import Tenants
from twicetold.transcripts.prices import Prices
from twicetold.transcripts.usage import UsageFilter, UsageGroup, UsageLine
from twicetold.wiring.enriching import Enrichers, enrichers

pytestmark = pytest.mark.integration

RUBRIC = "name: asking\nbase: 20\nrules:\n  - name: sold\n    weight: 30\n    ask: Is it sold?\n"
COUNTED = {"prompt_tokens": 70, "completion_tokens": 5}  # ChatServer itself counts 100 and 10
PRICES = Prices.parse(f"llm:{MODEL}=2/m_tokens_in+10/m_tokens_out")


def reply(task: str, text: str) -> Any:
    """Everything is quite good, and it is sold."""
    if text.startswith("Questions:"):
        return {"answers": [{"question": 1, "yes": True, "utterances": [1]}]}
    numbers = [int(line.split()[0]) for line in text.splitlines()]
    return {"scores": [{"number": number, "score": 0.5} for number in numbers]}


def then_silent(server: ChatServer) -> Reply:
    """As ``reply``, once; what is asked after that hangs, once."""

    def once(task: str, text: str) -> Any:
        server.answers, server.reply = [Answer(silent=True)], reply
        return reply(task, text)

    return once


@dataclass
class Asked:
    """A world whose tenant's calls are judged by a language model."""

    world: World
    server: ChatServer
    found: Enrichers

    async def submit(self) -> None:
        await self.world.begin()
        await self.world.queue.submit(self.world.record(wav(render(0, 20, RATE))))

    def forget(self) -> None:
        """All that was kept of attempts."""
        shutil.rmtree(self.world.root / "store" / "jobs")

    async def lines(self, *group: UsageGroup) -> list[UsageLine]:
        return list((await self.world.transcripts.usage(UsageFilter("acme"), group)).lines)

    async def tokens(self) -> tuple[int, int]:
        lines = await self.lines()
        return (lines[0].tokens_in, lines[0].tokens_out) if lines else (0, 0)


@asynccontextmanager
async def asked_in(folder: Path, **wishes: str) -> AsyncIterator[Asked]:
    tenants = Tenants(folder / "tenants.toml")
    tenants.add("acme")
    told = {"speakers": "none", "sentiment": "llm", "allow_remote": "llm"}
    tenants.wish("acme", {**told, **wishes})
    server = ChatServer(reply)
    async with server.open(), a_world(folder, PRICES) as world:
        model = {"llm_url": server.url, "llm_model": MODEL, "llm_key": LLM_KEY}
        settings = replace(Settings(data_dir=folder, batch_niceness=0), **model)
        async with enrichers(settings, tenants) as found:
            yield Asked(world, server, found)


async def test_tokens_have_a_row_of_their_own_with_their_cost(tmp_path: Path) -> None:
    async with asked_in(tmp_path) as asked:
        await asked.submit()
        async with asked.world.worker(enriching=asked.found.batch):
            await asked.world.job(JobState.DONE)
        by = {each.group[UsageGroup.ENGINE]: each for each in await asked.lines(*UsageGroup)}
    line = by.pop("llm")
    told = (UsageGroup.CALL, UsageGroup.PASS, UsageGroup.MODEL, UsageGroup.DEVICE)
    assert [line.group[each] for each in told] == ["call-1", "batch", MODEL, "remote"]
    assert (line.passes, line.attempts, line.audio_s, line.compute_s) == (0, 0, 0.0, 0.0)
    assert (line.tokens_in, line.tokens_out) == (100, 10)
    assert line.cost == pytest.approx(100 * 2e-6 + 10 * 10e-6)
    assert sum(each.tokens_in + each.tokens_out for each in by.values()) == 0


async def test_tokens_are_spent_also_where_the_answer_is_of_no_use(tmp_path: Path) -> None:
    async with asked_in(tmp_path) as asked:
        asked.server.answers = [content("Quite good, I think.", usage=COUNTED)]
        await asked.submit()
        async with asked.world.worker(enriching=asked.found.batch):
            await asked.world.job(JobState.DONE)
        insights = await asked.world.transcripts.insights(KEY)
        assert insights is not None
        assert (insights["sentiment"]["judge"], insights["sentiment"]["reason"]) == (
            "vader",
            "llm_failed",
        )
        assert await asked.tokens() == (70, 5)


async def test_a_call_that_asks_nobody_has_no_such_row(tmp_path: Path) -> None:
    async with asked_in(tmp_path, allow_remote="none") as asked:
        await asked.submit()
        async with asked.world.worker(enriching=asked.found.batch):
            await asked.world.job(JobState.DONE)
        engines = [each.group[UsageGroup.ENGINE] for each in await asked.lines(UsageGroup.ENGINE)]
    assert asked.server.asked == []
    assert "llm" not in engines


async def test_a_stopped_attempt_has_spent_what_was_answered_and_the_next_asks_the_rest(
    tmp_path: Path,
) -> None:
    """Its sentiment is kept; the lead's question hangs. What was spent before is noted meanwhile:
    a killed worker could not tell it."""
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(RUBRIC)
    async with asked_in(tmp_path, lead_rubric=str(rubric)) as asked:
        asked.server.reply, asked.server.usage = then_silent(asked.server), COUNTED
        await asked.submit()
        async with asked.world.worker(enriching=asked.found.batch), asyncio.timeout(30.0):
            while await asked.tokens() != (70, 5) or len(asked.server.asked) < 2:
                await asyncio.sleep(0.02)
        assert await asked.tokens() == (70, 5)
        asked.server.usage = {"prompt_tokens": 100, "completion_tokens": 10}
        async with asked.world.worker(enriching=asked.found.batch):
            await asked.world.job(JobState.DONE)
        assert len(asked.server.asked) == 3
        assert await asked.tokens() == (70 + 100, 5 + 10)
        insights = await asked.world.transcripts.insights(KEY)
        assert insights is not None
        assert (insights["sentiment"]["judge"], insights["lead"]["score"]) == (f"llm:{MODEL}", 50)


@dataclass(frozen=True)
class Closed:
    """Nothing may be shown that it fails on."""

    name: str = "closed"
    settings: str = ""
    closed: bool = True

    def apply(self, known: Known, facts: Facts) -> Known:
        return known


@pytest.mark.slow
async def test_attempts_that_fail_have_spent_and_what_was_kept_is_not_asked_again(
    tmp_path: Path,
) -> None:
    failures = [EnrichmentFailed("It fails."), EnrichmentFailed("It fails again.")]

    async with asked_in(tmp_path) as asked:

        def enriching(tenant: str, language: str) -> Enriching:
            made = asked.found.batch(tenant, language)

            async def apply(step: Step, packed: Packed, facts: Facts) -> Packed:
                if isinstance(step, Closed) and failures:
                    raise failures.pop()
                assert made.apply is not None
                return await made.apply(step, packed, facts)

            return replace(made, steps=[*made.steps, Closed()], apply=apply)

        await asked.submit()
        async with asked.world.worker(enriching=enriching):
            await asked.world.job(JobState.DONE)
        assert not failures
        assert await asked.tokens() == (100, 10)


def silent(server: ChatServer) -> Reply:
    """What is asked after this answer hangs, until there is another ``reply``."""

    def once(task: str, text: str) -> Any:
        server.answers = [Answer(silent=True)]
        return reply(task, text)

    return once


async def stopped(asked: Asked, tokens: tuple[int, int]) -> None:
    """An attempt that is stopped once so many are noted, while the next answer is waited for."""
    asked.server.reply, sent = silent(asked.server), len(asked.server.asked)
    async with asked.world.worker(enriching=asked.found.batch), asyncio.timeout(30.0):
        while await asked.tokens() != tokens or len(asked.server.asked) < sent + 2:
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_attempts_share_the_budget_of_a_call_until_it_is_begun_again(tmp_path: Path) -> None:
    """The lead's question waits for an answer in each attempt, and the sentiment's is not kept: its
    checkpoint is lost each time."""
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(RUBRIC)
    async with asked_in(tmp_path, lead_rubric=str(rubric)) as asked:
        asked.server.usage = {"prompt_tokens": 40_000, "completion_tokens": 5_000}
        await asked.submit()
        for spent in (1, 2):
            await stopped(asked, (spent * 40_000, spent * 5_000))
            asked.forget()
        asked.server.answers, asked.server.reply = [], reply
        sent = len(asked.server.asked)
        async with asked.world.worker(enriching=asked.found.batch):
            await asked.world.job(JobState.DONE)
            insights = await asked.world.transcripts.insights(KEY)
            assert insights is not None
            assert insights["sentiment"]["judge"] == f"llm:{MODEL}"  # 90,000 are spent; it is short
            assert insights["lead"]["unanswered"] == "llm_budget_spent"
            assert len(asked.server.asked) == sent + 1
            assert await asked.tokens() == (120_000, 15_000)
            # Somebody wants it again, by another rubric, and pays for it.
            rubric.write_text(RUBRIC.replace("base: 20", "base: 21"))
            asked.forget()
            await asked.world.queue.again(KEY)
            async with asyncio.timeout(30.0):
                while await asked.tokens() != (200_000, 25_000):
                    await asyncio.sleep(0.02)
            await asked.world.job(JobState.DONE)
