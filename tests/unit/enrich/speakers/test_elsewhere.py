"""Sound on its way to another process: in order, in pieces, and never more of it than agreed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest

from twicetold.enrich.apart import Apart, Died
from twicetold.enrich.speakers import elsewhere
from twicetold.enrich.speakers.elsewhere import MOST_S, PIECE_S, DiarizerElsewhere
from twicetold.errors import EnrichmentFailed, UnsupportedRate
from twicetold.speech.turns import Turn

pytestmark = pytest.mark.unit

RATE = 8000
SECOND = bytes(2 * RATE)


class Writes:
    """A Diarizer and its Diarization: writes down what it is given."""

    name = "writes"

    def __init__(self) -> None:
        self.pieces: list[tuple[int, list[float]]] = []

    def start(self, rate: int) -> Writes:
        if rate != RATE:
            raise UnsupportedRate(f"Not {rate}.")
        return self

    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        self.pieces.append((len(pcm) // 2, list(speech)))

    def finish(self) -> list[Turn]:
        return [Turn(0.0, sum(samples for samples, _ in self.pieces) / RATE, "1")]


class HereProcess:
    """A process that is this one; it does nothing while ``open`` is cleared."""

    def __init__(self) -> None:
        self.open, self.ended = asyncio.Event(), False
        self.open.set()
        self.asked: list[str] = []
        self._turn = asyncio.Lock()

    async def ask(
        self, work: Callable[..., Any], *arguments: Any, within_s: float | None = None
    ) -> Any:
        assert within_s == 7.0
        self.asked.append(work.__name__)
        async with self._turn:
            await self.open.wait()
            if self.ended:
                raise Died
            return work(*arguments)

    def tell(self, work: Callable[..., object], *arguments: Any) -> None:
        if not self.ended:
            self.asked.append(work.__name__)
            work(*arguments)


class HereApart(Apart):
    def __init__(self) -> None:
        self.here = HereProcess()

    def process(self) -> HereProcess:
        return self.here

    async def call(self, name: str, work: Callable[..., Any], *arguments: Any) -> Any:
        return work(*arguments)


def writer(made: list[Writes]) -> Writes:
    made.append(Writes())
    return made[-1]


@pytest.fixture
def apart(monkeypatch: pytest.MonkeyPatch) -> HereApart:
    monkeypatch.setattr(elsewhere, "_diarizers", {})
    monkeypatch.setattr(elsewhere, "_diarizations", {})
    return HereApart()


def told(made: list[Writes], apart: Apart) -> DiarizerElsewhere:
    return DiarizerElsewhere("writes", "writes", partial(writer, made), apart, 7.0)


async def test_all_of_it_arrives_in_order_and_the_turns_come_back(apart: HereApart):
    made: list[Writes] = []
    session = told(made, apart).start(RATE)
    for second in range(47):
        session.accept(SECOND, [second / 100] * 31)
        await session.hand_on()
        await asyncio.sleep(0)
    assert await session.finish() == [Turn(0.0, 47.0, "1")]
    speech = [one for _, piece in made[0].pieces for one in piece]
    assert speech == [second / 100 for second in range(47) for _ in range(31)]
    assert [samples for samples, _ in made[0].pieces] == [RATE, *[10 * RATE] * 4, 6 * RATE]
    assert elsewhere._diarizations == {}


class Slow(Writes):
    def accept(self, pcm: bytes, speech: Sequence[float] = ()) -> None:
        time.sleep(0.01)
        super().accept(pcm, speech)


async def test_it_tells_how_long_was_computed_there(apart: HereApart):
    session = DiarizerElsewhere("slow", "slow", Slow, apart, 7.0).start(RATE, sure=True)
    session.accept(11 * SECOND)
    await session.hand_on()
    before_s = session.compute_s
    await session.finish()
    assert before_s == 0.0  # it is on its way
    assert session.compute_s >= 2 * 0.01


async def test_nothing_is_begun_while_it_may_not_be_wanted(apart: HereApart):
    made: list[Writes] = []
    session = told(made, apart).start(RATE, sure=False)
    session.accept(9 * SECOND)
    await session.hand_on()
    await asyncio.sleep(0)
    session.close()
    assert (made, apart.here.asked) == ([], [])


async def test_where_it_is_wanted_the_process_begins_with_the_first_sound(apart: HereApart):
    made: list[Writes] = []
    session = told(made, apart).start(RATE)
    await session.hand_on()
    assert apart.here.asked == []
    session.accept(SECOND)
    await session.hand_on()
    await asyncio.sleep(0)
    assert apart.here.asked[0] == "_start"
    session.close()


async def test_a_recording_without_sound_has_no_turns_of_its_own(apart: HereApart):
    session = told([], apart).start(RATE)
    assert await session.finish() == [Turn(0.0, 0.0, "1")]


async def test_who_hands_on_waits_while_too_much_is_on_its_way(apart: HereApart):
    session = told([], apart).start(RATE, sure=False)
    apart.here.open.clear()
    heard_s = 0

    async def hear() -> None:
        nonlocal heard_s
        for _ in range(300):
            session.accept(SECOND)
            heard_s += 1
            await session.hand_on()
            await asyncio.sleep(0)

    hearing = asyncio.create_task(hear())
    for _ in range(1_000):
        await asyncio.sleep(0)
    assert heard_s == MOST_S + PIECE_S
    apart.here.open.set()
    async with asyncio.timeout(5):
        await hearing
    assert await session.finish() == [Turn(0.0, 300.0, "1")]


async def test_a_block_of_any_length_goes_over_in_pieces(apart: HereApart):
    made: list[Writes] = []
    session = told(made, apart).start(RATE)
    session.accept(300 * SECOND)
    await session.hand_on()
    assert 300 * RATE - sum(samples for samples, _ in made[0].pieces) < (MOST_S + PIECE_S) * RATE
    assert await session.finish() == [Turn(0.0, 300.0, "1")]
    assert {samples for samples, _ in made[0].pieces} == {PIECE_S * RATE}


async def test_one_diarizer_is_made_for_all_recordings(apart: HereApart):
    made: list[Writes] = []
    diarizer = told(made, apart)
    await diarizer.prove()
    for _ in range(3):
        session = diarizer.start(RATE)
        session.accept(SECOND)
        await session.finish()
    assert len(made) == 1


async def test_what_is_given_up_is_let_go_of_there(apart: HereApart):
    session = told([], apart).start(RATE)
    session.accept(20 * SECOND)
    await session.hand_on()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert len(elsewhere._diarizations) == 1
    session.close()
    session.close()
    assert elsewhere._diarizations == {}
    assert apart.here.asked[-1] == "_close"


async def test_what_goes_wrong_there_is_raised_here(apart: HereApart):
    session = told([], apart).start(16_000)
    session.accept(40 * SECOND)
    await session.hand_on()
    with pytest.raises(UnsupportedRate):
        await session.finish()
    session.close()


async def test_a_process_that_is_gone_takes_what_was_heard_with_it(apart: HereApart):
    session = told([], apart).start(RATE)
    session.accept(12 * SECOND)
    await session.hand_on()
    await asyncio.sleep(0)
    apart.here.ended = True
    session.accept(12 * SECOND)
    with pytest.raises(Died):
        await session.finish()
    session.close()


async def test_who_hears_is_cancelled_while_it_waits(apart: HereApart):
    session = told([], apart).start(RATE)
    apart.here.open.clear()
    session.accept(12 * SECOND)
    await session.hand_on()
    finishing = asyncio.create_task(session.finish())
    await asyncio.sleep(0)
    finishing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await finishing
    session.close()


def test_errors_come_across_whole():
    import pickle

    from twicetold.enrich.speakers.needs import missing

    for error in (missing("sherpa"), EnrichmentFailed("It hangs."), UnsupportedRate("No.")):
        assert pickle.loads(pickle.dumps(error)).to_dict() == error.to_dict()
