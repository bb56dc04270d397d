"""Live redaction in another process: begun once, begun anew where that has died, shared out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from twicetold.enrich.apart import Apart, Died
from twicetold.enrich.redaction import Policy, elsewhere
from twicetold.enrich.redaction.elsewhere import LiveElsewhere, LiveWords, Places
from twicetold.errors import EnrichmentFailed
from twicetold.speech.transcript import Segment, Word

pytestmark = pytest.mark.unit


def said(number: int, text: str, channel: int = 1) -> Segment:
    words = tuple(
        Word(number * 10 + 0.5 * index, number * 10 + 0.5 * index + 0.4, word)
        for index, word in enumerate(text.split())
    )
    return Segment(number, channel, words[0].start, words[-1].end, text, words)


QUESTION = said(1, "what is the password on the account", 0)
ANSWER = said(2, "mango tree")


class HereProcess:
    """A process that is this one; it dies where ``dies`` says so."""

    def __init__(self, dies: list[bool]) -> None:
        self.ended, self._dies = False, dies
        self.asked: list[tuple[str, int]] = []
        self.calls: dict[int, Any] = {}

    async def ask(
        self, work: Callable[..., Any], *arguments: Any, within_s: float | None = None
    ) -> Any:
        assert within_s is not None
        said = arguments[1] if work.__name__ == "_decide" else ()
        self.asked.append((work.__name__, len(said)))
        if self._dies and self._dies.pop(0):
            self.ended = True
            raise Died(under_it=True)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(elsewhere, "_calls", self.calls)
            return work(*arguments)

    def tell(self, work: Callable[..., object], *arguments: Any) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(elsewhere, "_calls", self.calls)
            work(*arguments)


class HereApart(Apart):
    def __init__(self, *dies: bool) -> None:
        self._dies = list(dies)
        self.made = [HereProcess(self._dies)]

    def process(self) -> HereProcess:  # type: ignore[override]
        if self.made[-1].ended:
            self.made.append(HereProcess(self._dies))
        return self.made[-1]


def of(apart: Apart, language: str = "en", known: str = "", **policy: Any) -> LiveElsewhere:
    return LiveElsewhere(LiveWords(language, Policy(**policy), 2, known), Places(apart, 1, 1))


async def test_it_is_begun_once_and_only_what_is_new_goes_over():
    apart = HereApart()
    live = of(apart)
    await live.begin()
    [first] = (await live.decide([], [QUESTION])).choices
    [second] = (await live.decide([QUESTION], [ANSWER])).choices
    assert [first.shown.text, second.shown.text] == [QUESTION.text, "[PASSWORD]"]
    assert apart.made[0].asked == [("_begin", 0), ("_decide", 0), ("_decide", 0)]
    live.close()
    assert apart.made[0].calls == {}


async def test_where_the_process_has_died_it_is_begun_anew_with_what_was_said():
    apart = HereApart(False, False, True)
    live = of(apart)
    await live.decide([], [QUESTION])
    [choice] = (await live.decide([QUESTION], [ANSWER])).choices
    assert choice.shown.text == "[PASSWORD]"
    assert [len(process.asked) for process in apart.made] == [3, 2]


async def test_what_is_deadly_is_given_up():
    apart = HereApart(False, True, False, True)
    with pytest.raises(EnrichmentFailed, match="redact died 2 times"):
        await of(apart).decide([], [QUESTION])


async def test_partials_are_masked_by_what_was_asked():
    live = of(HereApart())
    await live.decide([], [QUESTION])
    assert [word.text for word in await live.mask(ANSWER.words, 1)] == ["****", "****"]


async def test_where_names_are_found_nothing_unsettled_is_shown():
    apart = HereApart()
    assert await of(apart, finders=("spacy:names",)).mask(ANSWER.words, 1) == ()
    assert apart.made[0].asked == []


async def test_a_successor_goes_on_by_what_was_kept():
    known = (await of(HereApart()).decide([], [QUESTION])).known
    [choice] = (await of(HereApart(), known=known).decide([], [ANSWER])).choices
    assert choice.shown.text == "[PASSWORD]"


async def test_what_another_version_kept_is_told_and_passed_over():
    with capture_logs() as logs:
        [choice] = (await of(HereApart(), known='{"other": 1}').decide([], [QUESTION])).choices
    assert choice.shown.text == QUESTION.text
    assert [log["event"] for log in logs] == ["redaction_context_unreadable"]


def test_calls_are_shared_out_and_another_process_begins_when_each_has_enough():
    places = Places(Apart(), most=3, each=2)
    taken = [places.take() for _ in range(8)]
    assert len({id(place) for place in taken[:2]}) == 1
    assert len({id(place) for place in taken[:4]}) == 2
    assert len({id(place) for place in taken}) == 3
    assert sorted(place.calls for place in set(taken)) == [2, 3, 3]
    taken[0].calls -= 2
    assert places.take() is taken[0]
