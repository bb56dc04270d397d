"""The catalogue: names that mean one thing, and facts of the right form."""

from __future__ import annotations

import re

import pytest

from twicetold.engines.models.catalogue import (
    ALIASES,
    CATALOGUE,
    Model,
    in_catalogue,
    model_named,
)
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.full_name)
def test_every_model_goes_by_its_own_name_and_by_its_engines(model: Model) -> None:
    assert model_named(model.name) is model_named(model.full_name) is model
    assert in_catalogue(model.engine, model.name) is model


@pytest.mark.parametrize("model", CATALOGUE, ids=lambda model: model.full_name)
def test_every_model_is_pinned_and_described(model: Model) -> None:
    assert re.fullmatch(r"[0-9a-f]{40}", model.revision)
    assert re.fullmatch(r"[\w.-]+/[\w.-]+", model.repository)
    assert re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", model.name)
    assert model.size_mb > 0
    assert model.files
    assert model.languages
    assert model.licence
    assert model.good_for


def test_no_name_is_used_twice() -> None:
    names = [model.name for model in CATALOGUE]
    assert len(set(names)) == len(names)
    for (engine, alias), name in ALIASES.items():
        assert in_catalogue(engine, alias) is in_catalogue(engine, name) is not None
        assert alias not in names


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("large-v3-trubo", "large-v3-turbo"),
        ("whisper:tinny", "whisper:tiny"),
        ("parakeet-tdt-0.6b-v4", "parakeet-tdt-0.6b-v3"),
    ],
)
def test_a_wrong_name_is_told_the_right_one(text: str, meant: str) -> None:
    with pytest.raises(SettingError, match="in the catalogue") as wrong:
        model_named(text)
    assert wrong.value.hint.startswith(f"Did you mean {meant}? ")


@pytest.mark.parametrize("text", ["", "parakeet:tiny", "nobody:tiny", ":", "../../etc/passwd"])
def test_what_nobody_knows_is_refused(text: str) -> None:
    with pytest.raises(SettingError, match="There is no model"):
        model_named(text)
