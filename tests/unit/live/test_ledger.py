"""What a live worker notes of its calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, cast

import pytest

from twicetold.broker import Broker, Topic
from twicetold.live.ledger import Ledger
from twicetold.sessions import Record, Sessions
from twicetold.speech.chunks import Ended, parse_finals_message
from twicetold.speech.identity import CallKey

pytestmark = pytest.mark.unit

KEY = CallKey("acme", "call-1")


class FakeCarriers:
    """A session store that takes every change, and a broker that takes every message."""

    def __init__(self) -> None:
        self.changes: list[Mapping[str, Any]] = []
        self.ends: list[Ended] = []

    async def swap(self, _key: CallKey, _expected: object, changes: Mapping[str, Any]) -> None:
        self.changes.append(changes)

    def publish(self, topic: Topic, _key: CallKey, value: bytes) -> asyncio.Future[None]:
        if topic is Topic.FINALS and isinstance(said := parse_finals_message(value), Ended):
            self.ends.append(said)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done


def ledger(carriers: FakeCarriers, **record: Any) -> Ledger:
    about = {"language": "en", "encoding": "pcm_s16le", "token_hash": "", "started_at": 0.0}
    known = Record(key=KEY, rate=16_000, channels=2, input_rate=16_000, **about, **record)  # type: ignore[arg-type]
    return Ledger(cast(Broker, carriers), cast(Sessions, carriers), known, "counter")


async def test_a_boundary_is_a_cut_where_speech_was_cut_and_nowhere_else() -> None:
    carriers = FakeCarriers()
    notes = ledger(carriers)
    await notes.settle(0, 1, 5_280, None, (), cut=True)
    assert notes.cut == (True, False)
    await notes.settle(1, 1, 5_280, None, ())
    assert notes.cut == (True, False)
    await notes.settle(0, 2, 5_280, None, ())  # what went on behind the cut ends where it began
    assert notes.cut == (False, False)
    assert carriers.changes[-1]["cuts"] == (0, 0)


@pytest.mark.parametrize(
    ("boundaries", "cuts", "cut"),
    [
        ((5_280, 0), (5_280, 0), (True, False)),
        ((9_000, 0), (5_280, 0), (False, False)),  # moved on by a worker that knows no cuts
        ((0, 0), (0, 0), (False, False)),
        ((), (), (False, False)),
    ],
)
async def test_who_takes_a_call_over_knows_which_boundaries_are_cuts(
    boundaries: tuple[int, ...], cuts: tuple[int, ...], cut: tuple[bool, ...]
) -> None:
    assert ledger(FakeCarriers(), boundaries=boundaries, cuts=cuts).cut == cut


async def test_what_engines_computed_goes_on_from_what_the_last_worker_stored() -> None:
    """What it computed after that, the successor computes again, and it counts as its own."""
    carriers = FakeCarriers()
    first = ledger(carriers)
    first.computed.add("quick", 2.0)
    await first.settle(0, 1, 5_280, None, ())
    stored = carriers.changes[-1]["computed"]
    first.computed.add("quick", 64.0)  # and is killed

    second = ledger(carriers, computed=stored)
    second.computed.add("quick", 1.0)
    second.computed.add("careful", 0.5)
    await second.settle(0, 2, 9_000, None, ())
    await second.close(16_000)
    await ledger(carriers, computed=carriers.changes[-1]["computed"]).say_ended(16_000)  # again
    assert [end.computed for end in carriers.ends] == [{"quick": 3.0, "careful": 0.5}] * 2


async def test_a_call_in_which_nothing_was_computed_ends_all_the_same() -> None:
    carriers = FakeCarriers()
    await ledger(carriers).close(16_000)
    assert [end.computed for end in carriers.ends] == [{}]
