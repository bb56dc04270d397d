"""Who may have which engine."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use, Wishes
from twicetold.engines import EngineInfo
from twicetold.errors import BadParameter, EngineNotAllowed, SettingError

pytestmark = pytest.mark.unit


def info_of(name: str) -> EngineInfo:
    known = {
        "english": EngineInfo("english", "", ("en",), live=True, batch=True, word_times=True),
        "any": EngineInfo("any", "", ("*",), live=True, batch=True, word_times=True),
        "cloud": EngineInfo(
            "cloud", "", ("*",), live=True, batch=True, word_times=False, remote=True
        ),
    }
    if name not in known:
        raise SettingError(f"There is no engine {name!r}.")
    return known[name]


def policy(server: str, tenant: Wishes | None = None, allow_remote: str | None = None) -> Policy:
    wishes = Wishes(server, None, server, allow_remote)
    return Policy(wishes, lambda name: tenant or Wishes(), info_of)


def test_engines_come_in_order_and_only_those_that_know_the_language() -> None:
    chosen = policy("english, de|fr=any, any")
    assert chosen.names(Use.LIVE, "acme", "en") == ("english", "any")
    assert chosen.names(Use.LIVE, "acme", "de-AT") == ("any", "any")
    assert chosen.names(Use.LIVE, "acme", "auto") == ("english", "any")
    assert chosen.spoken(Use.LIVE, "acme", "auto") == "en"
    assert chosen.names(Use.LIVE_FINAL, "acme", "en") == ()


def test_a_language_that_nobody_knows_is_refused_with_what_they_know() -> None:
    with pytest.raises(BadParameter, match="does not know language hi"):
        policy("english").names(Use.LIVE, "acme", "hi")
    with pytest.raises(BadParameter, match="No engine here is for language hi") as caught:
        policy("english, de=any").names(Use.LIVE, "acme", "hi")
    assert "english: en" in caught.value.hint


def test_a_remote_engine_is_refused_until_the_tenant_names_it() -> None:
    with pytest.raises(
        EngineNotAllowed, match="cloud, which the settings of tenant acme"
    ) as caught:
        policy("cloud").names(Use.BATCH, "acme", "en")
    assert "twicetold tenants set acme allow_remote=cloud" in caught.value.hint
    assert policy("cloud", Wishes(allow_remote="cloud")).names(Use.BATCH, "acme", "en") == (
        "cloud",
    )
    assert policy("cloud", allow_remote="cloud").names(Use.BATCH, "acme", "en") == ("cloud",)
    with pytest.raises(EngineNotAllowed):
        policy("cloud", Wishes(allow_remote="none"), "cloud").names(Use.BATCH, "acme", "en")


def test_a_remote_engine_is_passed_over_where_another_will_do() -> None:
    assert policy("cloud, english").names(Use.LIVE, "acme", "en") == ("english",)


def test_an_engine_of_a_tenant_that_is_not_here_is_passed_over() -> None:
    chosen = policy("english", Wishes(live_engine="gone, any"))
    assert chosen.names(Use.LIVE, "acme", "en") == ("any",)


@given(
    wanted=st.lists(st.sampled_from(["english", "any", "cloud"]), min_size=1, max_size=5),
    allowed=st.sampled_from(["", "none", "english", "any"]),
    language=st.sampled_from(["en", "de", "auto"]),
)
def test_sound_never_goes_to_an_engine_that_is_not_named(
    wanted: list[str], allowed: str, language: str
) -> None:
    chosen = policy(", ".join(wanted), Wishes(allow_remote=allowed or None))
    try:
        names = chosen.names(Use.LIVE, "acme", language)
    except (EngineNotAllowed, BadParameter):
        return
    assert "cloud" not in names
