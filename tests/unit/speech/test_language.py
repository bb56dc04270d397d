"""The language of a tag, however it is written."""

from __future__ import annotations

import pytest

from twicetold.enrich.redacting import knows
from twicetold.speech.language import primary_language

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("tag", ["en", "EN", "en-GB", "en_US", "en-Latn-US", "en_US.UTF-8"])
def test_the_primary_language_stands_before_the_first_mark(tag):
    assert primary_language(tag) == "en"
    assert knows(tag)


@pytest.mark.parametrize(("tag", "primary"), [("zh-Hant", "zh"), ("auto", "auto"), ("", "")])
def test_others(tag, primary):
    assert primary_language(tag) == primary
    assert not knows(tag)
