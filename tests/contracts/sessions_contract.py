"""What every session store must do. An adapter's test class inherits it and gives one fixture."""

from __future__ import annotations

import asyncio
import string
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from twicetold.errors import CallInUse, SessionLost, SwapLost
from twicetold.sessions import Changes, Expected, Record, Sessions, State
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final, Word

OpenSessions = Callable[[], AbstractAsyncContextManager[Sessions]]
KEY = CallKey("acme", "call-1")
LONG_S = 600.0


def record(key: CallKey = KEY, **fields: Any) -> Record:
    known: dict[str, Any] = {
        "key": key,
        "rate": 16_000,
        "channels": 2,
        "language": "en",
        "encoding": "pcm_s16le",
        "input_rate": 48_000,
        "token_hash": "ab" * 32,
        "started_at": 1_700_000_000.25,
        "gateway": "gateway-1",
        "boundaries": (0, 0),
        "utterances": (0, 0),
        "adaptation": (None, None),
    }
    return Record(**{**known, **fields})


def final(event: int, text: str = "naïve “quoted” words 🙂") -> Final:
    words = (Word(1.25, 1.5, "naïve", 0.5), Word(1.5, 2.125, "words"))
    return Final(event, 1, event, 1.25, 2.125, text, words)


class SessionsContract:
    @pytest.fixture
    def open_sessions(self) -> OpenSessions:
        """Opens a new, empty store each time; leaving the context closes it."""
        raise NotImplementedError

    @pytest.fixture
    async def sessions(self, open_sessions: OpenSessions) -> AsyncIterator[Sessions]:
        async with open_sessions() as store:
            yield store

    async def test_create_then_load_gives_the_record_back(self, sessions: Sessions) -> None:
        made = record(
            state=State.CLOSING,
            epoch=3,
            next_seq=17,
            next_sample=2**40,
            heard_ms=1_700_000_000_123,
            owner=2,
            takeovers=1,
            boundaries=(5, 2**40),
            utterances=(3, 4),
            adaptation=(None, "41.00,-5.29 é"),
            cuts=(0, 2**40),
            redaction='{"asked":["é"]}',
            computed='{"naïve": 1.5}',
            event=2,
            finals=(final(1), final(2)),
            recorded=True,
        )
        await sessions.create(made, LONG_S)
        assert await sessions.load(KEY) == made

    async def test_load_of_an_unknown_call_is_none(self, sessions: Sessions) -> None:
        assert await sessions.load(KEY) is None

    async def test_create_refuses_a_key_that_exists(self, sessions: Sessions) -> None:
        first = record(state=State.CLOSED, recorded=True)
        await sessions.create(first, 0)
        with pytest.raises(CallInUse):
            await sessions.create(record(gateway="another", finals=(final(1),)), LONG_S)
        assert await sessions.load(KEY) == first
        assert not await sessions.leased(KEY)

    async def test_only_one_of_many_creates_wins(self, sessions: Sessions) -> None:
        made = [record(gateway=f"gateway-{number}") for number in range(10)]
        results = await asyncio.gather(
            *(sessions.create(one, LONG_S) for one in made), return_exceptions=True
        )
        assert sum(result is None for result in results) == 1
        assert sum(isinstance(result, CallInUse) for result in results) == 9
        assert await sessions.load(KEY) == made[results.index(None)]

    async def test_tenants_do_not_see_each_other(self, sessions: Sessions) -> None:
        other = CallKey("other", KEY.call_id)
        await sessions.create(record(), LONG_S)
        assert await sessions.load(other) is None
        await sessions.create(record(other), LONG_S)
        await sessions.swap(other, {}, {"add_final": final(1), "gateway": "theirs"})
        assert await sessions.load(KEY) == record()
        await sessions.remove(other)
        assert await sessions.load(KEY) == record()

    @pytest.mark.parametrize(
        ("field", "value"),
        [
            ("state", State.CLOSED),
            ("gateway", "gateway-2"),
            ("token_hash", "cd" * 32),
            ("epoch", 9),
            ("next_seq", 2**32 - 1),
            ("next_sample", 2**50),
            ("heard_ms", 2**41),
            ("owner", 8),
            ("takeovers", 3),
            ("boundaries", (16_000, 2**41)),
            ("utterances", (1, 0)),
            ("adaptation", ("x" * 300, None)),
            ("cuts", (16_000, 0)),
            ("redaction", "x" * 3000),
            ("event", 5),
            ("computed", '{"counter": 0.25}'),
            ("recorded", True),
        ],
    )
    async def test_swap_changes_the_named_field_alone(
        self, sessions: Sessions, field: str, value: Any
    ) -> None:
        made = record(finals=(final(1),), event=1)
        await sessions.create(made, LONG_S)
        await sessions.swap(KEY, {"owner": 0}, {field: value})  # type: ignore[misc]
        assert await sessions.load(KEY) == replace(made, **{field: value})

    @pytest.mark.parametrize(
        "expected",
        [
            {"state": State.CLOSING},
            {"epoch": 2},
            {"owner": 1},
            {"event": 1},
            {"next_seq": 1},
            {"next_sample": 1},
            {"state": State.OPEN, "epoch": 1, "owner": 0, "event": 0, "next_seq": 7},
        ],
    )
    async def test_swap_that_finds_another_value_changes_nothing(
        self, sessions: Sessions, expected: Expected
    ) -> None:
        await sessions.create(record(), 0)
        with pytest.raises(SwapLost):
            await sessions.swap(
                KEY,
                expected,
                {"gateway": "late", "owner": 5, "add_final": final(1), "lease_s": LONG_S},
            )
        assert await sessions.load(KEY) == record()
        assert not await sessions.leased(KEY)

    async def test_swap_without_a_record_is_session_lost(self, sessions: Sessions) -> None:
        for changes in ({"owner": 1}, {"trim_finals": 1}, {"add_final": final(1)}):
            with pytest.raises(SessionLost):
                await sessions.swap(KEY, {"owner": 0}, changes)  # type: ignore[arg-type]
        await sessions.create(record(), LONG_S)
        await sessions.remove(KEY)
        with pytest.raises(SessionLost):
            await sessions.swap(KEY, {}, {"owner": 1})
        assert await sessions.load(KEY) is None

    async def test_swap_refuses_fields_that_are_not_the_ports(self, sessions: Sessions) -> None:
        await sessions.create(record(), LONG_S)
        with pytest.raises(TypeError, match="gateway"):
            await sessions.swap(KEY, {"gateway": "gateway-1"}, {"owner": 1})  # type: ignore[typeddict-unknown-key]
        with pytest.raises(TypeError, match="finals"):
            await sessions.swap(KEY, {}, {"owner": 1, "finals": ()})  # type: ignore[typeddict-unknown-key]
        assert await sessions.load(KEY) == record()

    @pytest.mark.parametrize(
        ("field", "value", "refused"),
        [
            ("gateway", None, TypeError),
            ("gateway", 7, TypeError),
            ("gateway", "half \ud83d", ValueError),
            ("token_hash", b"ab", TypeError),
            ("next_seq", None, TypeError),
            ("next_seq", True, TypeError),
            ("next_sample", 16_000.0, TypeError),
            ("next_sample", 2**63, ValueError),
            ("heard_ms", 1.5, TypeError),
            ("owner", "1", TypeError),
            ("state", "open", TypeError),
            ("recorded", 1, TypeError),
            ("boundaries", (0, None), TypeError),
            ("boundaries", (0, 1.5), TypeError),
            ("boundaries", None, TypeError),
            ("utterances", (True, 0), TypeError),
            ("cuts", (True, 0), TypeError),
            ("redaction", None, TypeError),
            ("adaptation", (1, None), TypeError),
            ("adaptation", ("half \udc00", None), ValueError),
            ("lease_s", None, TypeError),
            ("lease_s", float("nan"), ValueError),
            ("lease_s", float("inf"), ValueError),
            ("lease_s", "10", TypeError),
            ("trim_finals", None, TypeError),
            ("trim_finals", 1.0, TypeError),
            ("add_final", None, TypeError),
            ("add_final", final(1, "half \ud83d"), ValueError),
        ],
    )
    async def test_swap_refuses_values_that_are_none_of_the_field(
        self, sessions: Sessions, field: str, value: Any, refused: type[Exception]
    ) -> None:
        await sessions.create(record(), LONG_S)
        with pytest.raises(refused):
            await sessions.swap(KEY, {}, {"owner": 4, field: value})  # type: ignore[misc]
        if field in Expected.__optional_keys__:
            with pytest.raises(refused):
                await sessions.swap(KEY, {field: value}, {"owner": 4})  # type: ignore[misc]
        assert await sessions.load(KEY) == record()

    @pytest.mark.parametrize(
        ("field", "value"),
        [("rate", 16_000.0), ("language", None), ("started_at", "now"), ("started_at", None)],
    )
    async def test_create_refuses_values_that_are_none_of_the_field(
        self, sessions: Sessions, field: str, value: Any
    ) -> None:
        with pytest.raises(TypeError):
            await sessions.create(record(**{field: value}), LONG_S)
        with pytest.raises(TypeError):
            await sessions.create(record(), None)  # type: ignore[arg-type]
        with pytest.raises(ValueError):
            await sessions.create(record(finals=(final(1, "\ud800"),)), LONG_S)
        assert await sessions.load(KEY) is None

    async def test_any_unicode_and_the_largest_numbers_come_back(self, sessions: Sessions) -> None:
        odd = '\0 \x1f\u2028\ufeff 🙂 e\u0301 \\ " \r\n'
        made = record(
            gateway=odd,
            language="",
            adaptation=(odd, None),
            next_sample=2**63 - 1,
            boundaries=(2**63 - 1, -1),
            event=1,
            finals=(final(1, odd),),
        )
        await sessions.create(made, LONG_S)
        assert await sessions.load(KEY) == made
        await sessions.swap(KEY, {"next_sample": 2**63 - 1}, {"next_sample": 0})
        assert await sessions.load(KEY) == replace(made, next_sample=0)

    async def test_a_store_that_has_started_takes_changes(self, sessions: Sessions) -> None:
        await sessions.start()
        await sessions.check()
        await sessions.create(record(), LONG_S)
        await sessions.check()
        assert await sessions.unfinished() == [record()]

    async def test_one_of_many_rivals_wins_a_swap(self, sessions: Sessions) -> None:
        await sessions.create(record(), LONG_S)
        results = await asyncio.gather(
            *(
                sessions.swap(KEY, {"owner": 0}, {"owner": number, "gateway": f"by-{number}"})
                for number in range(1, 21)
            ),
            return_exceptions=True,
        )
        winners = [number for number, result in enumerate(results, 1) if result is None]
        assert len(winners) == 1
        assert sum(isinstance(result, SwapLost) for result in results) == 19
        stored = await sessions.load(KEY)
        assert stored == record(owner=winners[0], gateway=f"by-{winners[0]}")

    async def test_add_final_stores_it_whole_and_moves_the_event(self, sessions: Sessions) -> None:
        await sessions.create(record(), LONG_S)
        failed = replace(final(2, text=""), words=(), failed=True)
        await sessions.swap(KEY, {"owner": 0}, {"add_final": final(1), "boundaries": (9, 8)})
        await sessions.swap(KEY, {"owner": 0, "event": 1}, {"add_final": failed, "event": 2})
        stored = await sessions.load(KEY)
        assert stored == record(event=2, boundaries=(9, 8), finals=(final(1), failed))

    async def test_create_takes_any_number_of_finals(self, sessions: Sessions) -> None:
        made = record(event=5_000, finals=tuple(final(event, "") for event in range(1, 5_001)))
        await sessions.create(made, LONG_S)
        assert await sessions.load(KEY) == made

    async def test_finals_are_ordered_by_number_not_by_text(self, sessions: Sessions) -> None:
        await sessions.create(record(), LONG_S)
        for event in range(1, 13):
            await sessions.swap(KEY, {}, {"add_final": final(event)})
        stored = await sessions.load(KEY)
        assert stored is not None
        assert [one.event for one in stored.finals] == list(range(1, 13))

    @pytest.mark.parametrize("event", [0, 1, 2, 4, 30])
    async def test_add_final_that_is_not_the_next_is_swap_lost(
        self, sessions: Sessions, event: int
    ) -> None:
        made = record(event=2, finals=(final(1), final(2)))
        await sessions.create(made, LONG_S)
        with pytest.raises(SwapLost):
            await sessions.swap(KEY, {"owner": 0}, {"add_final": final(event), "owner": 4})
        assert await sessions.load(KEY) == made

    async def test_add_final_with_another_event_number_is_a_mistake(
        self, sessions: Sessions
    ) -> None:
        await sessions.create(record(), LONG_S)
        with pytest.raises(ValueError, match="event"):
            await sessions.swap(KEY, {}, {"add_final": final(1), "event": 2})
        assert await sessions.load(KEY) == record()

    async def test_rivals_number_their_finals_without_gap_or_double(
        self, sessions: Sessions
    ) -> None:
        await sessions.create(record(), LONG_S)

        async def rival(name: str) -> int:
            won = 0
            for event in range(1, 16):
                try:
                    await sessions.swap(
                        KEY, {"event": event - 1}, {"add_final": final(event, name)}
                    )
                    won += 1
                except SwapLost:
                    pass
            return won

        won = await asyncio.gather(*(rival(f"rival {number}") for number in range(4)))
        stored = await sessions.load(KEY)
        assert stored is not None
        assert [one.event for one in stored.finals] == list(range(1, 16))
        assert stored.event == sum(won) == 15

    async def test_trim_finals_forgets_up_to_and_with_the_event(self, sessions: Sessions) -> None:
        made = record(event=4, finals=tuple(final(event) for event in (1, 2, 3, 4)))
        await sessions.create(made, LONG_S)
        await sessions.swap(KEY, {}, {"trim_finals": 3})
        assert await sessions.load(KEY) == replace(made, finals=(final(4),))
        await sessions.swap(KEY, {"event": 4}, {"trim_finals": 3})  # again: the same
        with pytest.raises(SwapLost):
            await sessions.swap(KEY, {"owner": 3}, {"trim_finals": 4})
        assert await sessions.load(KEY) == replace(made, finals=(final(4),))
        await sessions.swap(KEY, {}, {"trim_finals": 4, "add_final": final(5)})
        assert await sessions.load(KEY) == replace(made, event=5, finals=(final(5),))

    async def test_a_lease_runs_out_and_is_renewed(self, sessions: Sessions) -> None:
        assert not await sessions.leased(KEY)
        await sessions.create(record(), 0.5)
        assert await sessions.leased(KEY)
        await asyncio.sleep(0.55)
        assert not await sessions.leased(KEY)
        await sessions.swap(KEY, {"epoch": 1}, {"lease_s": LONG_S, "epoch": 2})
        await sessions.swap(KEY, {"epoch": 2}, {"next_seq": 3})  # leaves the lease as it is
        assert await sessions.leased(KEY)
        await sessions.swap(KEY, {"epoch": 2}, {"lease_s": 0})
        assert not await sessions.leased(KEY)

    async def test_sweep_gives_calls_that_were_abandoned_before_they_closed(
        self, sessions: Sessions
    ) -> None:
        leased, fresh, gone, closed = (CallKey("acme", f"call-{n}") for n in range(4))
        await sessions.create(record(leased), LONG_S)
        await sessions.create(record(fresh), 0)
        await sessions.create(record(gone, event=1, finals=(final(1),)), -60)
        await sessions.create(record(closed, state=State.CLOSED), -60)
        assert await sessions.sweep(30) == [record(gone, event=1, finals=(final(1),))]
        assert {one.key for one in await sessions.sweep(0)} == {fresh, gone}
        await sessions.swap(gone, {"state": State.OPEN}, {"state": State.CLOSING})
        assert [one.state for one in await sessions.sweep(30)] == [State.CLOSING]
        await sessions.swap(gone, {"state": State.CLOSING}, {"lease_s": LONG_S})
        assert await sessions.sweep(30) == []

    async def test_unfinished_gives_what_is_not_closed_and_recorded(
        self, sessions: Sessions
    ) -> None:
        made = [
            record(CallKey("acme", f"{state.value}-{recorded}"), state=state, recorded=recorded)
            for state in State
            for recorded in (False, True)
        ]
        for one in made:
            await sessions.create(one, LONG_S)
        expected = {one.key for one in made} - {CallKey("acme", "closed-True")}
        assert {one.key for one in await sessions.unfinished()} == expected
        await sessions.swap(CallKey("acme", "closed-False"), {}, {"recorded": True})
        await sessions.swap(CallKey("acme", "open-True"), {}, {"state": State.CLOSED})
        expected -= {CallKey("acme", "closed-False"), CallKey("acme", "open-True")}
        assert {one.key for one in await sessions.unfinished()} == expected

    async def test_a_finished_call_is_kept_until_it_is_removed(self, sessions: Sessions) -> None:
        await sessions.create(record(event=1, finals=(final(1),)), 0)
        done: Changes = {"state": State.CLOSED, "recorded": True, "trim_finals": 1}
        await sessions.swap(KEY, {"state": State.OPEN}, done)
        finished = record(state=State.CLOSED, recorded=True, event=1)
        assert await sessions.load(KEY) == finished
        with pytest.raises(CallInUse):
            await sessions.create(record(), LONG_S)
        await sessions.remove(KEY)
        await sessions.remove(KEY)
        assert await sessions.load(KEY) is None

    async def test_remove_takes_the_finals_too(self, sessions: Sessions) -> None:
        await sessions.create(record(event=1, finals=(final(1),)), LONG_S)
        await sessions.remove(KEY)
        await sessions.create(record(), LONG_S)
        assert await sessions.load(KEY) == record()

    @pytest.mark.slow
    def test_compare_and_set_behaves_as_a_dict_does(self, open_sessions: OpenSessions) -> None:
        run_state_machine_as_test(
            partial(SessionsMachine, open_sessions),  # type: ignore[arg-type]  # it takes any factory
            settings=settings(max_examples=40, stateful_step_count=30, deadline=None),
        )


_KEYS = st.sampled_from([CallKey("acme", "a"), CallKey("acme", "b"), CallKey("other", "a")])
_SMALL = st.integers(0, 2)
_LEASES = st.sampled_from([0.0, LONG_S])
_TEXTS = st.text(string.printable + "äß🙂", max_size=8)
_EXPECTED = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(State),
        "epoch": _SMALL,
        "owner": _SMALL,
        "event": _SMALL,
        "next_seq": _SMALL,
        "next_sample": _SMALL,
    },
)
_CHANGES = st.fixed_dictionaries(
    {},
    optional={
        "state": st.sampled_from(State),
        "gateway": _TEXTS,
        "token_hash": _TEXTS,
        "epoch": _SMALL,
        "next_seq": _SMALL,
        "next_sample": _SMALL,
        "heard_ms": _SMALL,
        "owner": _SMALL,
        "takeovers": _SMALL,
        "boundaries": st.lists(_SMALL, max_size=2).map(tuple),
        "utterances": st.lists(_SMALL, max_size=2).map(tuple),
        "adaptation": st.lists(st.none() | _TEXTS, max_size=2).map(tuple),
        "cuts": st.lists(_SMALL, max_size=2).map(tuple),
        "redaction": _TEXTS,
        "recorded": st.booleans(),
        "lease_s": _LEASES,
        "trim_finals": _SMALL,
    },
)


class SessionsMachine(RuleBasedStateMachine):
    """The store against a dict of records, and a set of those whose lease runs."""

    def __init__(self, open_sessions: OpenSessions) -> None:
        super().__init__()
        self._open_sessions = open_sessions
        self._runner = asyncio.Runner()
        self._model: dict[CallKey, Record] = {}
        self._leased: set[CallKey] = set()

    @initialize()
    def open(self) -> None:
        self._context = self._open_sessions()
        self._store = self._runner.run(self._context.__aenter__())

    def teardown(self) -> None:
        self._runner.run(self._context.__aexit__(None, None, None))
        self._runner.close()

    @rule(key=_KEYS, lease_s=_LEASES)
    def create(self, key: CallKey, lease_s: float) -> None:
        if key in self._model:
            with pytest.raises(CallInUse):
                self._runner.run(self._store.create(record(key), lease_s))
            return
        self._runner.run(self._store.create(record(key), lease_s))
        self._model[key] = record(key)
        self._lease(key, lease_s)

    @rule(key=_KEYS, expected=_EXPECTED, changes=_CHANGES)
    def swap(self, key: CallKey, expected: dict[str, Any], changes: dict[str, Any]) -> None:
        self._swap(key, expected, changes)

    @rule(key=_KEYS, names=st.sets(st.sampled_from(sorted(Expected.__optional_keys__))))
    def swap_that_holds(self, key: CallKey, names: set[str]) -> None:
        if key in self._model:
            found = self._model[key]
            expected = {name: getattr(found, name) for name in names}
            self._swap(key, expected, {"takeovers": found.takeovers + 1, "lease_s": 0.0})

    @rule(key=_KEYS, ahead=st.sampled_from([1, 1, 1, 0, 2]), text=_TEXTS, changes=_CHANGES)
    def add_final(self, key: CallKey, ahead: int, text: str, changes: dict[str, Any]) -> None:
        last = self._model[key].event if key in self._model else 0
        self._swap(key, {}, {**changes, "add_final": final(last + ahead, text)})

    @rule(key=_KEYS)
    def remove(self, key: CallKey) -> None:
        self._runner.run(self._store.remove(key))
        self._model.pop(key, None)
        self._leased.discard(key)

    @invariant()
    def agrees(self) -> None:
        if not hasattr(self, "_store"):
            return
        for key in (CallKey("acme", "a"), CallKey("acme", "b"), CallKey("other", "a")):
            assert self._runner.run(self._store.load(key)) == self._model.get(key)
            assert self._runner.run(self._store.leased(key)) == (key in self._leased)
        known = self._model.values()
        swept = self._runner.run(self._store.sweep(0))
        abandoned = [one for one in known if one.state is not State.CLOSED]
        assert _by_key(swept) == _by_key([one for one in abandoned if one.key not in self._leased])
        unfinished = [one for one in known if one.state is not State.CLOSED or not one.recorded]
        assert _by_key(self._runner.run(self._store.unfinished())) == _by_key(unfinished)

    def _swap(self, key: CallKey, expected: dict[str, Any], changes: dict[str, Any]) -> None:
        lost = self._outcome(key, expected, changes.get("add_final"))
        swapping = self._store.swap(key, expected, changes)  # type: ignore[arg-type]
        if lost is not None:
            with pytest.raises(lost):
                self._runner.run(swapping)
            return
        self._runner.run(swapping)
        self._model[key] = _changed(self._model[key], changes)
        if "lease_s" in changes:
            self._lease(key, changes["lease_s"])

    def _outcome(
        self, key: CallKey, expected: dict[str, Any], added: Final | None
    ) -> type[Exception] | None:
        found = self._model.get(key)
        if found is None:
            return SessionLost
        held = all(getattr(found, name) == value for name, value in expected.items())
        follows = added is None or added.event == found.event + 1
        return None if held and follows else SwapLost

    def _lease(self, key: CallKey, lease_s: float) -> None:
        if lease_s > 0:
            self._leased.add(key)
        else:
            self._leased.discard(key)


def _changed(found: Record, changes: dict[str, Any]) -> Record:
    finals, event = found.finals, found.event
    added = changes.get("add_final")
    if added is not None:
        finals, event = (*finals, added), added.event
    finals = tuple(one for one in finals if one.event > changes.get("trim_finals", 0))
    acts = {"lease_s", "add_final", "trim_finals"}
    fields = {name: value for name, value in changes.items() if name not in acts}
    return replace(found, **{"event": event, **fields}, finals=finals)


def _by_key(records: list[Record]) -> dict[CallKey, Record]:
    return {one.key: one for one in records}
