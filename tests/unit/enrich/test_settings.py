"""A stage has other settings with whatever its result depends on; what was kept is made anew."""

from __future__ import annotations

from dataclasses import replace

import pytest

from twicetold.enrich.asking import Asking, AskLead, AskSentiment
from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.leads import Calibration, default_text, parse_rubric
from twicetold.enrich.leads.calibration import Method
from twicetold.enrich.llm import LlmBudget, LlmClient, LlmEndpoint, Spending
from twicetold.enrich.redacting import Redact
from twicetold.enrich.redaction import checked_policy
from twicetold.enrich.redaction.tagger import tagger

pytestmark = pytest.mark.unit

RUBRIC = parse_rubric(default_text(), "the default rubric")
ENDPOINT = LlmEndpoint("http://127.0.0.1:9/v1", "small", "key-of-nobody", allowed=True)


def asking(endpoint: LlmEndpoint = ENDPOINT, budget: LlmBudget | None = None) -> Asking:
    return Asking(LlmClient(endpoint), Spending(budget or LlmBudget()))


def test_speakers_differ_with_the_models_of_a_diarizer():
    told = {NameSpeakers("sherpa", wanted=f"sherpa:{models}").settings for models in ("a,b", "a,c")}
    assert len(told) == 2


def test_redaction_differs_with_the_taggers_weights(tmp_path, monkeypatch):
    redact = Redact(checked_policy())
    told = {redact.settings}
    for weights in (tmp_path / "other.npz", tmp_path / "missing.npz"):
        monkeypatch.setattr(tagger, "WEIGHTS", weights)
        if weights.name == "other.npz":
            weights.write_bytes(b"trained anew")
        tagger.weights_digest.cache_clear()
        told.add(redact.settings)
    monkeypatch.undo()
    tagger.weights_digest.cache_clear()
    assert len(told) == 3


def test_what_a_language_model_says_differs_with_model_budget_and_leave():
    ways = [
        asking(),
        asking(replace(ENDPOINT, model="large")),
        asking(replace(ENDPOINT, allowed=False)),
        asking(budget=LlmBudget(tokens=10)),
    ]
    assert len({AskSentiment(way).settings for way in ways}) == len(ways)
    assert len({AskLead(RUBRIC, way).settings for way in ways}) == len(ways)
    assert all("key-of-nobody" not in AskSentiment(way).settings for way in ways)


def test_a_lead_score_differs_with_its_calibration():
    calibrated = replace(RUBRIC, calibration=Calibration(Method.PLATT, RUBRIC.fingerprint, 40, 9))
    way = asking()
    assert AskLead(RUBRIC, way).settings != AskLead(calibrated, way).settings
