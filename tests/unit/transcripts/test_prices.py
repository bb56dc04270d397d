"""The price table: which entry counts, and that a mistake in it is named."""

from __future__ import annotations

import pytest

from twicetold.config import Settings
from twicetold.errors import SettingError
from twicetold.parts import prices_of
from twicetold.speech.identity import CallKey
from twicetold.transcripts.prices import FREE, Price, Prices
from twicetold.transcripts.usage import Usage

pytestmark = pytest.mark.unit

TABLE = Prices.parse(
    "*=1/audio_min, *@cuda=2/audio_min, parakeet=3/audio_min, parakeet@cuda=4/audio_min,"
    " parakeet:small=5/audio_min + .5/compute_s, parakeet:small@cuda=6/compute_s"
)


@pytest.mark.parametrize(
    ("engine", "model", "device", "price"),
    [
        ("whisper", "large", "cpu", Price(1.0)),
        ("whisper", "large", "cuda", Price(2.0)),
        ("parakeet", "large", "cpu", Price(3.0)),
        ("parakeet", "large", "cuda", Price(4.0)),
        ("parakeet", "small", "cpu", Price(5.0, 0.5)),
        ("parakeet", "small", "cuda", Price(0.0, 6.0)),
    ],
)
def test_the_most_exact_entry_counts(engine: str, model: str, device: str, price: Price) -> None:
    assert TABLE.of(engine, model, device) == price


def test_what_no_entry_fits_costs_nothing() -> None:
    assert Prices.parse("parakeet@cuda=1/audio_min").of("parakeet", "", "cpu") == FREE
    assert Prices.parse("").of("parakeet") == FREE


def test_a_price_is_of_an_audio_minute_and_of_a_second_of_computing() -> None:
    price = Price(per_audio_min=0.6, per_compute_s=0.25)
    assert (price.of_audio(90.0), price.of_compute(4.0)) == (pytest.approx(0.9), 1.0)


def test_tokens_read_and_written_have_a_price_of_a_million_each() -> None:
    table = Prices.parse(
        "*=1/audio_min, llm:small-v1.5=0.15/m_tokens_in+0.6/m_tokens_out, llm=9/m_tokens_in"
    )
    price = table.of("llm", "small-v1.5", "remote")
    assert price.of_tokens(2_000_000, 500_000) == pytest.approx(0.3 + 0.3)
    assert (price.of_audio(60.0), price.of_compute(1.0)) == (0.0, 0.0)
    assert table.of("llm", "large").of_tokens(1_000_000, 1_000_000) == 9.0
    assert table.of("whisper").of_tokens(1_000_000, 1_000_000) == 0.0


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("parakeet", "'parakeet'"),
        ("parakeet=cheap", "'cheap' for parakeet"),
        ("parakeet=1", "'1' for parakeet"),
        ("parakeet=1/hour", "'1/hour'"),
        ("parakeet=-1/audio_min", "'-1/audio_min'"),
        ("parakeet=nan/audio_min", "'nan/audio_min'"),
        ("whisper=0.1/audio_min+1/audio_min", "'1/audio_min' for whisper"),
        ("whisper:tiny@cuda=1/audio_min, whisper:tiny@cuda=2/audio_min", "whisper:tiny@cuda twice"),
        ("llm=1/m_tokens", "'1/m_tokens' for llm"),
        ("llm=1/m_tokens_in+2/m_tokens_in", "'2/m_tokens_in' for llm"),
        ("*:tiny=1/audio_min", "'*:tiny=1/audio_min'"),
        ("parakeet=1/" + "audio_min" * 2, "audio_minaudio_min"),
    ],
)
def test_a_mistake_is_named_with_what_the_table_takes(text: str, named: str) -> None:
    with pytest.raises(SettingError) as refused:
        Prices.parse(text)
    assert named in refused.value.message
    assert "audio_min and compute_s" in refused.value.hint
    assert "m_tokens_in and m_tokens_out" in refused.value.hint


def test_a_price_of_an_engine_that_there_is_not_is_refused() -> None:
    with pytest.raises(SettingError, match="'parakete'; there are pocketsphinx") as refused:
        prices_of(Settings(prices="parakete=1/audio_min"))
    assert "audio_min" in refused.value.hint


@pytest.mark.parametrize(
    ("text", "named", "hint"),
    [
        ("llm=0.01/audio_min", "audio_min for llm", "llm takes m_tokens_in and m_tokens_out."),
        ("llm:small=1/m_tokens_in+2/compute_s", "compute_s for llm:small", "llm takes m_tokens_in"),
        ("whisper=1/m_tokens_in", "m_tokens_in for whisper", "takes audio_min and compute_s."),
        ("enrichment=1/audio_min", "audio_min for enrichment", "enrichment takes compute_s."),
        ("llm@cuda=1/m_tokens_in", "llm@cuda, but its device is always remote", "@cuda"),
        ("enrichment:redact@cuda=1/compute_s", "always cpu", "@cuda"),
    ],
)
def test_a_price_that_could_never_count_is_refused(text: str, named: str, hint: str) -> None:
    with pytest.raises(SettingError) as refused:
        prices_of(Settings(prices=text))
    assert named in refused.value.message
    assert hint in refused.value.hint


@pytest.mark.parametrize(
    "text",
    [
        "*=1/audio_min+1/compute_s+1/m_tokens_in+1/m_tokens_out",
        "*@cuda=1/m_tokens_in",
        "llm@remote=1/m_tokens_in, enrichment@cpu=1/compute_s",
        "whisper@cuda=1/compute_s+1/audio_min",
        "llm=0/compute_s",  # which is none
    ],
)
def test_a_price_that_may_count_is_taken(text: str) -> None:
    assert prices_of(Settings(prices=text)).entries


def test_enrichment_has_a_price_as_engines_have() -> None:
    prices = prices_of(Settings(prices="enrichment:redact=.5/compute_s, enrichment=.1/compute_s"))
    assert prices.of("enrichment", "redact", "cpu").per_compute_s == 0.5
    assert prices.of("enrichment", "metrics", "cpu").per_compute_s == 0.1


def test_a_language_model_has_a_price_as_engines_have() -> None:
    prices = prices_of(Settings(prices="llm:small=.5/m_tokens_out"))
    assert prices.of("llm", "small", "remote").per_m_tokens_out == 0.5


def test_the_defaults_are_of_engines_that_there_are() -> None:
    assert prices_of(Settings()).of("parakeet").per_audio_min == 0.00011


@pytest.mark.parametrize(
    ("label", "engine", "model"),
    [
        ("pocketsphinx", "pocketsphinx", ""),
        ("parakeet:tdt?device=cuda&threads=2", "parakeet", "tdt"),
        ("whisper:tiny, pocketsphinx", "whisper", "tiny"),
        ("openai:org/model:8bit", "openai", "org/model:8bit"),
    ],
)
def test_usage_is_of_the_engine_that_did_most(label: str, engine: str, model: str) -> None:
    used = Usage(CallKey("acme", "c"), "live", "", 1.0, 0.0).by(label, "cpu")
    assert (used.engine, used.model, used.device) == (engine, model, "cpu")


def test_a_part_of_an_attempt_begins_with_nothing() -> None:
    used = Usage(CallKey("acme", "c"), "batch", "whisper", 9.0, 3.0, tokens_in=5, tokens_out=1)
    part = used.part("llm")
    assert (part.attempt, part.audio_s, part.compute_s) == ("only/llm", 0.0, 0.0)
    assert (part.tokens_in, part.tokens_out) == (0, 0)
