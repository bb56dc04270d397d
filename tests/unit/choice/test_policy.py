"""Who may have which engine."""

from __future__ import annotations

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from twicetold.choice.policy import Policy
from twicetold.choice.wishes import Use, Wishes
from twicetold.engines import EngineInfo, Expected
from twicetold.errors import BadParameter, EngineFailed, EngineNotAllowed, SettingError

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


def test_of_an_engine_that_is_not_here_a_client_is_told_no_path() -> None:
    chosen = policy("any", Wishes("elsewhere:/srv/models/x"))
    with capture_logs() as logs, pytest.raises(EngineFailed, match="tenant acme") as caught:
        chosen.spoken(Use.LIVE, "acme", "en")
    assert "/srv" not in f"{caught.value} {caught.value.hint}"
    assert "/srv/models/x" in logs[0]["reason"]


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


async def test_files_are_read_in_a_thread_and_once() -> None:
    read: list[tuple[str, bool]] = []

    def reading(name: str) -> EngineInfo:
        read.append((name, threading.current_thread() is threading.main_thread()))
        return info_of(name)

    theirs = Wishes(live_engine="gone, cloud", allow_remote="cloud")
    chosen = Policy(
        Wishes("any", None, "english"), lambda name: theirs if name == "acme" else Wishes(), reading
    )
    await chosen.learn("acme")
    assert sorted(read) == [("cloud", False), ("english", False), ("gone", False)]
    assert chosen.names(Use.BATCH, "acme", "en") == ("english",)
    assert chosen.spoken(Use.LIVE, "other", "en") == "en"  # not asked for before
    await chosen.learn("acme")
    await chosen.learn("other")
    assert [name for name, _ in read].count("cloud") == 1
    assert [name for name, _ in read].count("english") == 1


def test_each_tenant_expects_what_its_own_wishes_say() -> None:
    wishes = {"acme": Wishes(vocabulary="quux"), "wob": Wishes(languages="de|en")}
    chosen = Policy(Wishes("any"), lambda name: wishes.get(name, Wishes()), info_of)
    assert chosen.expected("acme") == Expected(("quux",))
    assert chosen.expected("wob") == Expected((), ("de", "en"))
    assert not chosen.expected("nobody")


def shadowed(share: str | None, tenant: Wishes | None = None) -> Policy:
    wishes = Wishes("english", None, "english", shadow_engine="de=any, english", shadow_share=share)
    return Policy(wishes, lambda name: tenant or Wishes(), info_of)


def test_a_shadow_is_the_first_that_is_for_the_language_and_nobody_steps_in() -> None:
    assert shadowed(None).shadow(Use.SHADOW, "acme", "call-1", "en") == "english"
    assert shadowed(None).shadow(Use.SHADOW, "acme", "call-1", "de") == "any"
    assert shadowed(None).shadow(Use.SHADOW_LIVE, "acme", "call-1", "en") is None
    assert policy("english").shadow(Use.SHADOW, "acme", "call-1", "en") is None
    with pytest.raises(EngineNotAllowed):
        shadowed(None, Wishes(shadow_engine="cloud")).shadow(Use.SHADOW, "acme", "call-1", "en")


def test_no_call_is_in_a_share_of_none_and_every_call_in_one_of_all() -> None:
    names = [f"call-{number}" for number in range(500)]
    assert not any(shadowed("0").shadow(Use.SHADOW, "acme", name, "en") for name in names)
    assert all(shadowed("1").shadow(Use.SHADOW, "acme", name, "en") for name in names)
    tenth = sum(
        shadowed("0.1").shadow(Use.SHADOW, "acme", name, "en") is not None for name in names
    )
    assert 25 <= tenth <= 75


@given(
    name=st.text("abc0123456789", min_size=1, max_size=12),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)).map(sorted),
)
def test_the_calls_of_a_small_share_are_among_those_of_a_larger_one(
    name: str, shares: list[float]
) -> None:
    small, large = (shadowed(str(share)).shadow(Use.SHADOW, "acme", name, "en") for share in shares)
    assert large is not None or small is None
