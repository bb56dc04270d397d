"""The session store in one Redis: a hash a call, changed by scripts, each in one round trip.

It must keep what it has confirmed, or acknowledged sound is lost: an append-only file that is
synced at each write, and no key thrown away where memory is short. ``check`` asks for both.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any

import structlog

from twicetold.errors import (
    CallInUse,
    CorruptDatabase,
    SessionLost,
    SettingError,
    SwapLost,
    Unavailable,
)
from twicetold.sessions import Changes, Expected, Record, State
from twicetold.sessions import redis_scripts as scripts
from twicetold.sessions.fields import (
    FIELDS,
    LATER,
    NUMBERS,
    Stored,
    changed,
    comparison,
    final_body,
    final_of,
    record_of,
    seconds,
    stored,
)
from twicetold.sessions.redis_address import parsed
from twicetold.sessions.redis_check import examine
from twicetold.sessions.redis_clock import ServerClock
from twicetold.sessions.redis_coordination import RedisCoordination
from twicetold.sessions.redis_link import Command, Link, Refused, Script, Silent
from twicetold.sessions.redis_rewriting import Rewriting
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

log = structlog.get_logger()

_AT_ONCE = 500  # records that one question loads
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.5, 15.0
_FINAL = "final:"
_DIFFERS, _GONE, _LATE = 0, -1, -2
_SWAP, _LEASED = Script(scripts.SWAP), Script(scripts.LEASED)
_SWEEP, _REMOVE = Script(scripts.SWEEP), Script(scripts.REMOVE)


class RedisSessions:
    """Sessions in the Redis at ``url``; see ``redis_address`` for what that takes."""

    def __init__(self, url: str, installation: str) -> None:
        """``installation`` is whose database it is: that of another is refused, a free one becomes
        ours; "" refuses every installation's and takes none. Connects at the first use.

        Raises SettingError for a URL that is none.
        """
        self._address, self._installation = parsed(url), installation
        self._link = Link(self._address)
        self._clock = ServerClock(self._link)
        self._rewriting = Rewriting(self._link)
        self.coordination = RedisCoordination(self._link, self._address.prefix)
        self._unfinished = f"{self._address.prefix}:unfinished"

    @property
    def name(self) -> str:
        """Which Redis it is, without a password."""
        return str(self._address)

    async def start(self) -> None:
        """A server that is full is as good as any: calls go on in it, and removing frees it."""
        if self._address.volatile:
            log.warning("running_calls_may_be_lost", where=self.name, why="volatile=accepted")
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                await self.check()
            except Unavailable as error:
                full = isinstance(error, Refused) and error.kind == "full"
                log.warning("sessions_do_not_answer", reason=error.message, hint=error.hint)
                if full:
                    return
            else:
                return
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def check(self) -> None:
        """Raises SettingError also where the server may forget what it has confirmed, or holds
        another installation's calls."""
        try:
            self._rewriting.needed = await examine(self._link, self._address, self._installation)
        except Refused as refused:
            if refused.kind in ("mend", "foreign"):
                raise SettingError(refused.message, refused.hint) from refused
            raise
        except Silent as silent:
            raise Unavailable(silent.message, silent.remedy, away=True) from silent

    async def create(self, record: Record, lease_s: float) -> None:
        """One whose answer was lost is told from a rival's by its token."""
        fields = {name: stored(name, getattr(record, name)) for name in FIELDS}
        begin = ("EVAL", scripts.CREATE, 2, self._hash(record.key), self._unfinished)
        about = (record.token_hash, _member(record.key), _us("lease_s", lease_s))
        state = (str(fields["state"]), str(fields["recorded"]))
        rest: Command = (*about, *state, *_flat({**fields, **_finals(record.finals)}))
        if not await self._asked(record.key, (*begin, 0, *rest), later=(*begin, 1, *rest)):
            raise CallInUse(f"The call {record.key} exists already.")

    async def load(self, key: CallKey) -> Record | None:
        found = await self._asked(key, ("HGETALL", self._hash(key)))
        return self._record(key, _pairs(found)) if found else None

    async def swap(self, key: CallKey, expected: Expected, changes: Changes) -> None:
        compared, fields = comparison(expected, changes), changed(changes)
        if "add_final" in changes:
            fields |= _finals([changes["add_final"]])
        args: list[str | int] = [
            _member(key),
            _us("lease_s", changes["lease_s"]) if "lease_s" in changes else "",
            str(stored("trim_finals", changes["trim_finals"])) if "trim_finals" in changes else "",
            len(compared),
            *_flat(compared),
            *_flat(fields),
        ]
        done = await self._swapped(key, args)
        if done == _LATE:  # or the server's clock has leapt, which is known now
            done = await self._swapped(key, args)
        if done == _LATE:
            raise Unavailable(f"{self.name} is too slow; nothing was changed.", away=True)
        if done == _DIFFERS:
            raise SwapLost(f"Another process owns the call {key} now.")
        if done == _GONE:
            raise SessionLost(f"The session of the call {key.call_id} is gone.")

    async def _swapped(self, key: CallKey, args: list[str | int]) -> int:
        keys = (self._hash(key), self._unfinished)
        timely = [await self._clock.deadline_us(), *args]
        try:
            now_us, done = await self._link.run(_SWAP, keys, timely, repeatable=False)
        except Refused as refused:
            raise self._named(key, refused) from refused
        self._clock.learn(now_us)
        return int(done)

    async def leased(self, key: CallKey) -> bool:
        return bool(await self._link.run(_LEASED, (self._hash(key),), ()))

    async def sweep(self, abandoned_after_s: float) -> list[Record]:
        age = (_us("abandoned_after_s", abandoned_after_s),)
        latest, members = await self._link.run(_SWEEP, (self._unfinished,), age)
        return [
            record
            for record, lease_until in await self._records(members)
            if record.state is not State.CLOSED and lease_until <= int(latest)
        ]

    async def unfinished(self) -> list[Record]:
        members = await self._link.ask(("ZRANGE", self._unfinished, 0, -1))
        return [record for record, _ in await self._records(members)]

    async def remove(self, key: CallKey) -> None:
        """What was said stays in Redis's append-only file for ten minutes at most."""
        await self._link.run(_REMOVE, (self._hash(key), self._unfinished), (_member(key),))
        self._rewriting.ask()

    async def aclose(self) -> None:
        await self._rewriting.aclose()
        await self._link.aclose()

    async def _records(self, members: list[str]) -> list[tuple[Record, int]]:
        """Records, each with the end of its lease; a damaged one is reported and left out."""
        records: list[tuple[Record, int]] = []
        for at in range(0, len(members), _AT_ONCE):
            keys = [_key(member) for member in members[at : at + _AT_ONCE]]
            found = await self._link.ask_each([("HGETALL", self._hash(key)) for key in keys])
            for key, answer in zip(keys, found, strict=True):
                try:
                    records += self._leased_record(key, answer)
                except CorruptDatabase as error:
                    log.error("session_damaged", reason=error.message, hint=error.hint)  # noqa: TRY400
        return records

    def _leased_record(self, key: CallKey, answer: Any) -> list[tuple[Record, int]]:
        if isinstance(answer, Refused):
            raise self._named(key, answer)
        fields = _pairs(answer)
        if not fields:  # removed meanwhile
            return []
        return [(self._record(key, fields), int(fields["lease_until"]))]

    def _record(self, key: CallKey, found: dict[str, str]) -> Record:
        try:
            finals = [final_of(body) for name, body in found.items() if name.startswith(_FINAL)]
            whole = LATER | found
            values = {name: _value(name, whole[name]) for name in (*FIELDS, "lease_until")}
            return record_of(key, values, tuple(sorted(finals, key=lambda final: final.event)))
        except (KeyError, ValueError, TypeError) as error:
            raise self._damaged(key) from error

    async def _asked(self, key: CallKey, command: Command, later: Command | None = None) -> Any:
        try:
            return await self._link.ask(command, later=later)
        except Refused as refused:
            raise self._named(key, refused) from refused

    def _named(self, key: CallKey, refused: Refused) -> Exception:
        return self._damaged(key) if refused.kind == "foreign" else refused

    def _damaged(self, key: CallKey) -> CorruptDatabase:
        return CorruptDatabase(
            f"{self.name} holds no whole record under the key {self._hash(key)}.",
            "Nothing was changed. Whatever wrote it should use another database number or prefix; "
            "redis-cli DEL with that key ends the call, whose transcript is made all the same.",
        )

    def _hash(self, key: CallKey) -> str:
        return f"{self._address.prefix}:call:{_member(key)}"


def _member(key: CallKey) -> str:
    return f"{key.tenant}/{key.call_id}"  # identifiers hold no slash


def _key(member: str) -> CallKey:
    tenant, _, call_id = member.partition("/")
    return CallKey(tenant, call_id)


def _us(name: str, value: float) -> int:
    return round(seconds(name, value) * 1_000_000)


def _pairs(flat: list[str]) -> dict[str, str]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _flat(fields: Mapping[str, Stored]) -> list[str]:
    """Names and values in turn, as text."""
    return [text for name, value in fields.items() for text in (name, str(value))]


def _finals(finals: Iterable[Final]) -> dict[str, Stored]:
    return {f"{_FINAL}{final.event}": final_body(final) for final in finals}


def _value(name: str, text: str) -> Stored:
    if name in NUMBERS or name in ("recorded", "lease_until"):
        return int(text)
    return float(text) if name == "started_at" else text
