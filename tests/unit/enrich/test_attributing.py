"""Who is named by what: the channel, the engine where it may, or the turns that a voice gave."""

from __future__ import annotations

import pytest

from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.steps import Facts, Known
from twicetold.speech.transcript import Segment, Word
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

BY_ENGINE = Segment(
    1, 0, 0.0, 2.0, "a b", (Word(0.0, 1.0, "a", speaker="A"), Word(1.0, 2.0, "b", speaker="A"))
)
TURNS = (Turn(0.0, 1.0, "1"), Turn(1.0, 2.0, "2"))


def named(method: str, wanted: str, turns: tuple[Turn, ...] = TURNS) -> tuple[str, list[str]]:
    facts = Facts("en", 3.0, 1, turns=turns)
    known = NameSpeakers(method, wanted=wanted).apply(Known((BY_ENGINE,)), facts)
    told = known.insights.get("speakers", {"method": "nobody"})
    return told["method"], [str(each.speaker) for each in known.segments]


@pytest.mark.parametrize("wanted", ["pyannote:/models/community", "gmm"])
def test_a_diarizer_that_is_named_decides(wanted):
    assert named(wanted.partition(":")[0], wanted)[0] == wanted.partition(":")[0]
    assert len(named("gmm", wanted)[1]) == 2


def test_the_engine_decides_where_it_may():
    assert named("gmm", "auto") == ("engine", ["1"])
    assert named("channels", "engine", ()) == ("engine", ["1"])


def test_who_wants_channels_alone_has_nobody_named_on_one():
    assert named("channels", "channels", ()) == ("nobody", ["None"])
    assert named("sherpa", "sherpa:a.onnx,b.onnx", ()) == ("nobody", ["None"])


def test_names_are_those_of_the_segments():
    said = (
        Segment(1, 0, 0.0, 1.0, "thank you for calling"),
        Segment(2, 1, 2.0, 3.0, "hi"),
    )
    known = NameSpeakers("channels").apply(Known(said), Facts("en", 3.0, 2))
    assert [each.speaker for each in known.segments] == ["agent", "customer"]
    assert known.insights["speakers"] == {"method": "channels", "names": ["agent", "customer"]}
    of_map = NameSpeakers("channels", ("doctor", "patient"))
    told = of_map.apply(Known(said), Facts("en", 3.0, 2)).insights["speakers"]
    assert told["names"] == ["doctor", "patient"]
