"""Finders that others made: Presidio's recognisers, a pipeline that knows names."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.unit.enrich.redaction.calls import segment

from twicetold.enrich.redaction import Redactor
from twicetold.enrich.redaction.people import Names
from twicetold.enrich.redaction.presidio import written_in
from twicetold.enrich.redaction.turns import turn_of
from twicetold.errors import ModelMissing

pytestmark = [pytest.mark.unit, pytest.mark.timeout(180)]  # spaCy takes its time to be imported


@pytest.mark.slow
def test_presidio_finds_written_forms() -> None:
    words = ["mail", "jane.doe@example.com", "or", "GB29NWBK60161331926819,", "not", "41"]
    marks = written_in(turn_of(0, "", words), words)
    assert [(m.first, m.last, m.kind) for m in marks] == [
        (1, 1, "email"),
        (3, 3, "bank_account"),
    ]


def test_presidio_is_not_asked_about_speech() -> None:
    words = ["four", "one", "five", "double", "five"]
    assert written_in(turn_of(0, "", words), words) == []


def test_names_by_a_pipeline(tmp_path: Path) -> None:
    import spacy

    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "Robert Hill"}])
    pipeline.to_disk(tmp_path / "names")
    redactor = Redactor("en", None, [Names(f"spacy:{tmp_path / 'names'}")])
    found = redactor.redact([segment("my name is Robert Hill , thanks")])
    assert found.segments[0].text == "my name is [NAME] , thanks"


@pytest.mark.parametrize("model", ["spacy:no_such_pipeline", "nothing", "other:model"])
def test_models_that_are_not_there(model: str) -> None:
    with pytest.raises(ModelMissing):
        Names(model)
