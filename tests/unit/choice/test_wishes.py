"""Engines in order of preference, as people write them."""

from __future__ import annotations

import pytest

from twicetold.choice.wishes import Use, Wish, Wishes, checked_wishes, parse_remotes, parse_wishes
from twicetold.errors import SettingError

pytestmark = pytest.mark.unit


def test_engines_are_read_in_order_with_their_models_and_languages() -> None:
    assert parse_wishes("hi|TA=sarvam:saaras:v3, parakeet:/models/a b ,pocketsphinx") == (
        Wish("sarvam:saaras:v3", ("hi", "ta")),
        Wish("parakeet:/models/a b"),
        Wish("pocketsphinx"),
    )
    assert parse_wishes(" ") == ()


@pytest.mark.parametrize(
    "text", ["a,,b", "Parakeet", "parakeet:", "parakeet: x", "hi=", "h=a", ","]
)
def test_what_is_no_list_of_engines_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_wishes(text)


@pytest.mark.parametrize(
    ("language", "served"), [("hi", True), ("hi-IN", True), ("HI", True), ("en", False)]
)
def test_an_engine_serves_the_languages_it_is_wanted_for(language: str, served: bool) -> None:
    assert Wish("sarvam", ("hi",)).serves(language) is served
    assert Wish("sarvam").serves(language)


def test_a_language_to_be_found_out_is_left_to_engines_for_all() -> None:
    assert not Wish("sarvam", ("hi",)).serves("auto")
    assert Wish("whisper:turbo").serves("auto")


def test_remote_engines_are_named_or_none() -> None:
    assert parse_remotes("openai, sarvam") == {"openai", "sarvam"}
    assert parse_remotes("none") == parse_remotes("") == frozenset()
    with pytest.raises(ValueError):
        parse_remotes("openai:gpt-4o-transcribe")


def test_a_tenants_wishes_go_over_the_servers_one_by_one() -> None:
    server = Wishes("pocketsphinx", None, "parakeet:/x", "openai")
    wishes = Wishes(batch_engine="openai").over(server)
    assert wishes == Wishes("pocketsphinx", None, "openai", "openai")
    assert Wishes(allow_remote="none").over(server).remotes == frozenset()
    assert wishes.of(Use.LIVE_FINAL) == ()


@pytest.mark.parametrize(
    "told",
    [
        {"live_engine": "A"},
        {"live_engine": 1},
        {"allow_remote": "x:y"},
        {"engine": "a"},
        {"shadow_engine": "A"},
        {"shadow_share": "half"},
        {"shadow_share": "1.5"},
        {"shadow_share": "nan"},
    ],
)
def test_wishes_that_are_none_say_where_they_stand(told: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=r"tenants\.toml"):
        checked_wishes(told, "tenants.toml")
