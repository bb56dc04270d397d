"""Whatever could change a word or a bound changes the plan's name."""

from dataclasses import replace

import pytest

from twicetold.batch.chunking import ChunkingSettings
from twicetold.batch.plan import chunking_for, plan_hash, spoken_language
from twicetold.engines import Expected
from twicetold.engines.counter import COUNTER_INFO, ToneActivity

pytestmark = pytest.mark.unit

CHUNKING = ChunkingSettings()


def test_the_same_plan_has_the_same_name():
    name = plan_hash(COUNTER_INFO, ToneActivity(), "en", CHUNKING)
    assert name == plan_hash(COUNTER_INFO, ToneActivity(), "en", ChunkingSettings())
    assert len(name) == 32


@pytest.mark.parametrize(
    "other",
    [
        (replace(COUNTER_INFO, name="other"), "en", CHUNKING),
        (replace(COUNTER_INFO, model="counter-2"), "en", CHUNKING),
        (replace(COUNTER_INFO, chunk_s=600.0), "en", CHUNKING),
        (COUNTER_INFO, "de", CHUNKING),
        (COUNTER_INFO, "en", replace(CHUNKING, chunk_s=20.0)),
        (COUNTER_INFO, "en", replace(CHUNKING, pre_roll_ms=100)),
        (COUNTER_INFO, "en", replace(CHUNKING, threshold=0.6)),
    ],
)
def test_another_plan_has_another_name(other):
    info, language, chunking = other
    name = plan_hash(COUNTER_INFO, ToneActivity(), "en", CHUNKING)
    assert plan_hash(info, ToneActivity(), language, chunking) != name


def test_what_is_expected_counts_where_the_engine_heeds_it():
    def named(info, language, expected):
        return plan_hash(info, ToneActivity(), language, CHUNKING, expected)

    told = replace(COUNTER_INFO, vocabulary=True)
    finding = replace(COUNTER_INFO, language_after_s=5.0)
    terms, languages = Expected(("quux",)), Expected((), ("de",))
    assert named(told, "en", terms) != named(told, "en", Expected())
    assert named(COUNTER_INFO, "en", terms) == named(COUNTER_INFO, "en", Expected())
    assert named(told, "auto", languages) == named(told, "auto", Expected())
    assert named(finding, "auto", languages) != named(finding, "auto", Expected())
    assert named(finding, "en", languages) == named(finding, "en", Expected())


def test_auto_is_settled_where_an_engine_knows_one_language_only():
    english = replace(COUNTER_INFO, languages=("en",))
    assert spoken_language("auto", english) == "en"
    assert spoken_language("de", english) == "de"
    assert spoken_language("auto", COUNTER_INFO) == "auto"
    assert spoken_language("auto", replace(english, languages=("en", "de"))) == "auto"


def test_an_engine_may_want_longer_chunks():
    longer = replace(COUNTER_INFO, chunk_s=600.0, chunk_bytes=3_200_000)
    assert chunking_for(CHUNKING, COUNTER_INFO) == CHUNKING
    assert chunking_for(CHUNKING, longer).most_samples(8_000) == 1_600_000
    assert chunking_for(CHUNKING, longer).most_samples(2_000) == 1_200_000
    assert chunking_for(CHUNKING, longer).min_silence_ms == CHUNKING.min_silence_ms
