"""What is made of a tenant's calls by its settings, up to insights and back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.servers.chat import MODEL, ChatServer
from tests.servers.speaking import KEY

from twicetold.config import Settings
from twicetold.enrich.steps import Facts, Known, Packed
from twicetold.errors import MissingExtra, RedactionUnavailable, SettingError
from twicetold.sessions import Record
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Segment, Word
from twicetold.tenants import Tenants
from twicetold.wiring.enriching import Enrichers, enrichers

pytestmark = pytest.mark.integration

FACTS = Facts("en", 40.0, 2)
BROKEN = "categories:\n  - name: churn\n    rules:\n      - name: leave\n        sya: cancel\n"


def said(start: float, channel: int, text: str) -> Segment:
    words = tuple(
        Word(start + 0.3 * at, start + 0.3 * at + 0.25, word)
        for at, word in enumerate(text.split())
    )
    return Segment(0, channel, start, words[-1].end, text, words)


CALL = Known(
    (
        said(0.0, 0, "thank you for calling how can i help you"),
        said(5.0, 1, "i am very unhappy i want to cancel my contract"),
        said(12.0, 0, "can i have your phone number"),
        said(16.0, 1, "it is four one five five five five zero one nine nine"),
    )
)


@asynccontextmanager
async def made(folder: Path, told: dict[str, str], **settings: object) -> AsyncIterator[Enrichers]:
    """Of the tenant acme, with these settings of its own."""
    tenants = Tenants(folder / "tenants.toml")
    tenants.add("acme")
    tenants.wish("acme", dict(told))
    used = replace(Settings(data_dir=folder, batch_niceness=0), **settings)  # type: ignore[arg-type]
    async with enrichers(used, tenants) as found:
        yield found


def running(language: str, tenant: str = "acme", redaction: str = "") -> Record:
    """A call as the live pass finds it."""
    return Record(
        CallKey(tenant, "call-1"),
        rate=16_000,
        channels=2,
        language=language,
        encoding="pcm_s16le",
        input_rate=16_000,
        token_hash="",
        started_at=0.0,
        redaction=redaction,
    )


async def enriched(found: Enrichers, tenant: str = "acme") -> Known:
    packed = Packed.of(CALL)
    enriching = found.batch(tenant, "en")
    assert enriching.apply is not None
    for step in enriching.steps:
        packed = await enriching.apply(step, packed, FACTS)
    return packed.unpack()


async def test_metrics_and_sentiment_are_there_for_everybody(tmp_path):
    async with made(tmp_path, {}) as found:
        known = await enriched(found)
        assert not found.batch("acme", "en").cover
    assert set(known.insights) == {"speakers", "metrics", "sentiment"}
    assert [each.speaker for each in known.segments] == ["agent", "customer"] * 2
    assert known.segments[3].text == CALL.segments[3].text
    assert known.segments[1].sentiment is not None


async def test_all_that_a_tenant_wants(tmp_path):
    told = {
        "redact": "all",
        "rules": "default",
        "lead_rubric": "default",
        "redact_sound": "silence",
    }
    async with made(tmp_path, told, channel_roles="agent,customer") as found:
        known = await enriched(found)
        assert found.batch("acme", "en").cover == "silence"
        assert not found.batch("another", "en").cover
    assert known.segments[3].text == "it is [PHONE]"
    assert 0 <= known.insights["lead"]["score"] <= 100
    assert "categories" in known.insights["rules"]
    names = {each["speaker"] for each in known.insights["metrics"]["speakers"]}
    assert names == {"agent", "customer"}


async def test_a_score_is_summed_up_anew_by_the_rubric_that_made_it(tmp_path):
    file = tmp_path / "rubric.yaml"
    rubric = "name: r\nrules:\n- {name: won, weight: 40, outcome: next_step, is: demo}\n"
    file.write_text(rubric)
    async with made(tmp_path, {"lead_rubric": str(file)}) as found:
        lead = (await enriched(found)).insights["lead"]
        assert (lead["score"], lead["unjudged"]) == (0, ["won"])
        again = found.batch("acme", "en").rescored(lead, {"next_step": "demo"})
        assert again is not None
        assert (again["score"], again["unjudged"]) == (40, [])
        file.write_text(rubric.replace("40", "50"))
        assert found.batch("acme", "en").rescored(lead, {"next_step": "demo"}) is None
        file.write_text("no rubric")
        assert found.batch("acme", "en").rescored(lead, {"next_step": "demo"}) is None
        assert found.batch("another", "en").rescored(lead, {"next_step": "demo"}) is None


async def test_none_of_it(tmp_path):
    told = {"sentiment": "none", "redact": "none", "speakers": "none"}
    async with made(tmp_path, told, redact="all") as found:
        known = await enriched(found)
    assert set(known.insights) == {"metrics"}


async def test_a_tenants_broken_rules_cost_nobody_else_anything(tmp_path):
    rules = tmp_path / "rules.yaml"
    rules.write_text(BROKEN)
    with capture_logs() as logs:
        async with made(tmp_path, {"rules": str(rules)}) as found:
            [step] = [step for step in found.batch("acme", "en").steps if step.name == "rules"]
            with pytest.raises(SettingError, match=r"rules.yaml.*5"):
                step.apply(CALL, FACTS)
            rules.write_text(BROKEN.replace("sya", "say"))
            [step] = [step for step in found.batch("acme", "en").steps if step.name == "rules"]
            assert step.apply(CALL, FACTS).insights["rules"]["categories"] == ["churn"]
    assert [each["tenant"] for each in logs if each["event"] == "enrichment_of_tenant_refused"]


@pytest.mark.parametrize(
    "settings",
    [
        {"redact": "telefone"},
        {"rules": "/nowhere/rules.yaml"},
        {"lead_rubric": "/nowhere/rubric.yaml"},
        {"sentiment": "llm"},
        {"speakers": "by_magic"},
        {"speakers": "sherpa"},
        {"llm_url": "http://127.0.0.1:1/v1"},
    ],
)
async def test_a_server_is_not_started_on_what_is_of_no_use(tmp_path, settings):
    with pytest.raises(SettingError):
        async with made(tmp_path, {}, **settings):
            pass


def no_model(folder: Path) -> str:
    path = folder / "model.onnx"
    path.write_bytes(b"no model at all" * 100)
    return f"sherpa:{path},{path}"


async def test_nor_on_a_model_that_cannot_be_loaded(tmp_path):
    with pytest.raises(SettingError, match="speakers got sherpa"):
        async with made(tmp_path, {}, speakers=no_model(tmp_path)):
            pass


async def test_a_tenants_costs_nobody_else_anything(tmp_path):
    with capture_logs() as logs:
        async with made(tmp_path, {"speakers": no_model(tmp_path)}):
            pass
    assert [each["tenant"] for each in logs if each["event"] == "enrichment_of_tenant_refused"]


def rated(task: str, text: str) -> dict[str, list[dict[str, float]]]:
    """The model finds every line quite good."""
    numbers = [int(line.split()[0]) for line in text.splitlines()]
    return {"scores": [{"number": number, "score": 0.5} for number in numbers]}


def at(server: ChatServer) -> dict[str, str]:
    return {"llm_url": server.url, "llm_model": MODEL, "llm_key": KEY}


async def test_a_language_model_is_asked_for_who_allows_it(tmp_path):
    server = ChatServer(rated)
    async with server.open():
        told = {"sentiment": "llm", "allow_remote": "llm"}
        async with made(tmp_path, told, **at(server)) as found:
            known = await enriched(found)
    sentiment = known.insights["sentiment"]
    assert (sentiment["judge"], sentiment["score"]) == (f"llm:{MODEL}", 0.5)


async def test_and_for_nobody_else(tmp_path):
    server = ChatServer(rated)
    async with server.open():
        async with made(tmp_path, {"sentiment": "llm"}, **at(server)) as found:
            known = await enriched(found)
        assert server.asked == []
    sentiment = known.insights["sentiment"]
    assert (sentiment["judge"], sentiment["reason"]) == ("vader", "llm_not_allowed")


async def test_it_never_reads_what_redaction_has_not_been_over(tmp_path):
    server = ChatServer(rated)
    async with server.open():
        told = {"sentiment": "llm", "allow_remote": "llm", "redact": "all"}
        async with made(tmp_path, told, **at(server)) as found:
            await enriched(found)
        sent = str(server.asked)
    assert "very unhappy" in sent
    assert "five five" not in sent


async def test_a_model_that_answers_prose_leaves_the_lead_score_without_its_answers(tmp_path):
    rubric = tmp_path / "rubric.yaml"
    rubric.write_text(
        "name: asking\nbase: 20\nrules:\n"
        "  - name: interested\n    weight: 30\n    ask: Does the customer want to buy?\n"
        "  - name: unhappy\n    weight: 5\n    say: very unhappy\n"
    )
    server = ChatServer(lambda task, text: "I think so!")
    async with server.open():
        told = {"lead_rubric": str(rubric), "allow_remote": "llm"}
        async with made(tmp_path, told, **at(server)) as found:
            known = await enriched(found)
    lead = known.insights["lead"]
    assert (lead["score"], lead["unanswered"]) == (25, "llm_failed")


@pytest.mark.timeout(180)  # spaCy takes its time to be imported
async def test_names_go_where_a_model_finds_them(tmp_path):
    import spacy

    pipeline = spacy.blank("en")
    pipeline.add_pipe("entity_ruler").add_patterns([{"label": "PERSON", "pattern": "calling how"}])
    pipeline.to_disk(tmp_path / "names")
    told = {"redact": "all", "redact_with": f"presidio, spacy:{tmp_path / 'names'}"}
    async with made(tmp_path, told) as found:
        known = await enriched(found)
        live = found.live(running("en"))
        assert live is not None
        first = replace(CALL.segments[0], number=1)
        decision = await live.decide([], [first])
        assert await live.mask(first.words, 0) == ()
        live.close()
    [decided] = decision.choices
    assert 0.0 < decision.compute_s < 60.0
    for segment in (known.segments[0], decided.shown):
        assert segment.text == "thank you for [NAME] can i help you"
    assert known.insights["removed_counts"] == {"name": 1, "phone": 1}


async def test_a_model_for_names_that_is_missing(tmp_path):
    """The server's is told to who starts it; a tenant's redaction is not whole, so nothing of its
    calls is kept."""
    missing = {"redact": "all", "redact_with": "gliner:nowhere"}
    with pytest.raises(MissingExtra, match="GLiNER is not installed"):
        async with made(tmp_path, {}, **missing):
            pass
    with capture_logs() as logs:
        async with made(tmp_path / "other", missing) as found:
            with pytest.raises(RedactionUnavailable, match="GLiNER is not installed"):
                await enriched(found)
            assert (await enriched(found, "globex")).segments[0].text == CALL.segments[0].text
    assert "GLiNER is not installed." in {line.get("reason") for line in logs}
