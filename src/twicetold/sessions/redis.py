"""The session store in one Redis: a hash a call, changed by scripts, each in one round trip.

It must keep what it has confirmed, or acknowledged sound is lost: an append-only file that is
synced at each write, and no key thrown away where memory is short. ``check`` asks for both.
"""

from __future__ import annotations

import asyncio
import json
import secrets
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit, urlunsplit

from twicetold.errors import (
    CallInUse,
    MissingExtra,
    SessionLost,
    SettingError,
    SwapLost,
    Unavailable,
)
from twicetold.sessions import Changes, Expected, Record, State
from twicetold.sessions.fields import (
    FIELDS,
    LISTS,
    changed,
    compact,
    comparison,
    record_of,
    stored,
)
from twicetold.sessions.redis_scripts import CREATE, LEASED, SWAP
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final

try:
    from redis import asyncio as redis
    from redis import exceptions
    from redis.asyncio.retry import Retry
    from redis.backoff import NoBackoff
except ImportError as error:
    raise MissingExtra(
        "sessions=redis:// needs the package redis.", "pip install 'twicetold[redis]'"
    ) from error

_WANTED = {"appendonly": "yes", "appendfsync": "always", "maxmemory-policy": "noeviction"}
_TIMEOUT_S = 5.0
_WAITS_S = (0.05, 0.25, 1.0)  # between tries; within a lease, which is renewed every third of it
_AT_ONCE = 500  # records that one pipeline loads
_UNFINISHED = "twicetold:unfinished"
_FINAL = "final:"
_TEXTS = frozenset({"language", "encoding", "token_hash", "gateway", "state", *LISTS})


class RedisSessions:
    """Sessions in the Redis at ``url``: ``redis://`` or ``rediss://[user:password@]host[:port][/n]``,
    with ``?volatile=accepted`` where it may lose calls. Connects at the first use."""

    def __init__(self, url: str) -> None:
        """Raises SettingError for a URL that is none."""
        address, self._volatile = _parsed(url)
        try:
            self._redis = redis.from_url(
                address,
                decode_responses=True,
                retry=Retry(NoBackoff(), 0),  # we try again ourselves, and say when it was
                socket_timeout=_TIMEOUT_S,
                socket_connect_timeout=_TIMEOUT_S,
            )
        except ValueError as error:
            raise SettingError(f"sessions got a URL that Redis does not take: {error}.") from error
        self._name = shown(url)
        self._create = self._redis.register_script(CREATE)
        self._swap = self._redis.register_script(SWAP)
        self._leased = self._redis.register_script(LEASED)

    async def check(self) -> None:
        """Raises SettingError where the server may forget what it has confirmed, Unavailable."""
        if self._volatile:
            return
        try:
            found = await self._ask(lambda: self._redis.config_get(*_WANTED))
        except _Refused as error:
            raise SettingError(
                f"{self._name} does not say how it keeps data ({error.__cause__}).",
                "Where you know that it is append-only, synced at each write and evicts "
                "nothing, add ?volatile=accepted to the URL.",
            ) from error
        weak = [name for name, wish in _WANTED.items() if found.get(name) != wish]
        if weak:
            sets = "; ".join(f"CONFIG SET {name} {_WANTED[name]}" for name in weak)
            has = ", ".join(f"{name} is {found.get(name)}" for name in weak)
            raise SettingError(
                f"{self._name} may forget running calls: {has}.",
                f"In redis-cli: {sets}; CONFIG REWRITE. Or accept the loss: ?volatile=accepted.",
            )

    async def create(self, record: Record, lease_s: float) -> None:
        fields = {name: stored(name, getattr(record, name)) for name in FIELDS}
        finals = _finals(record.finals)
        unfinished = record.state is not State.CLOSED or not record.recorded
        about: list[str | int] = [_op(), _member(record.key), _us(lease_s), int(unfinished)]
        args = [*about, *_flat({**fields, **finals})]
        if not await self._ask(lambda: self._create(keys=_keys(record.key), args=args)):
            raise CallInUse(f"The call {record.key} exists already.")

    async def load(self, key: CallKey) -> Record | None:
        found = await self._ask(lambda: self._redis.hgetall(_hash(key)))
        return _record(key, found) if found else None

    async def swap(self, key: CallKey, expected: Expected, changes: Changes) -> None:
        """Raises TypeError for a field that is not one of the port's, ValueError where
        ``event`` is given and is not the added final's."""
        compared, fields = comparison(expected, changes), changed(changes)
        final = changes.get("add_final")
        if final is not None:
            fields |= _finals([final])
        lease_s = changes.get("lease_s")
        trim = changes.get("trim_finals")
        args = [
            _op(),
            _member(key),
            "" if lease_s is None else _us(lease_s),
            "" if trim is None else trim,
            len(compared),
            *_flat(compared),
            *_flat(fields),
        ]
        done = await self._ask(lambda: self._swap(keys=_keys(key), args=args))
        if done == 0:
            raise SwapLost(f"Another process owns the call {key} now.")
        if done < 0:
            raise SessionLost(f"The session of the call {key} is gone.")

    async def leased(self, key: CallKey) -> bool:
        """False also where there is no record."""
        return bool(await self._ask(lambda: self._leased(keys=[_hash(key)])))

    async def sweep(self, abandoned_after_s: float) -> list[Record]:
        seconds, microseconds = await self._ask(self._redis.time)
        latest = seconds * 1_000_000 + microseconds - _us(abandoned_after_s)
        return [
            record
            for record, lease_until in await self._all()
            if record.state is not State.CLOSED and lease_until <= latest
        ]

    async def unfinished(self) -> list[Record]:
        return [record for record, _ in await self._all()]

    async def remove(self, key: CallKey) -> None:
        async def work() -> None:
            async with self._redis.pipeline(transaction=True) as both:
                both.delete(_hash(key))
                both.srem(_UNFINISHED, _member(key))
                await both.execute()

        await self._ask(work)

    async def aclose(self) -> None:
        await self._redis.aclose()

    async def _all(self) -> list[tuple[Record, int]]:
        """The unfinished calls, each with the end of its lease."""
        members = sorted(await self._ask(lambda: self._redis.smembers(_UNFINISHED)))
        found: list[dict[str, str]] = []
        for at in range(0, len(members), _AT_ONCE):
            found += await self._ask(partial(self._hashes, members[at : at + _AT_ONCE]))
        pairs = zip(members, found, strict=True)
        return [
            (_record(_key(member), fields), int(fields["lease_until"]))
            for member, fields in pairs
            if fields  # removed meanwhile
        ]

    async def _hashes(self, members: list[str]) -> list[dict[str, str]]:
        async with self._redis.pipeline(transaction=False) as some:
            for member in members:
                some.hgetall(_hash(_key(member)))
            return cast("list[dict[str, str]]", await some.execute())

    async def _ask(self, work: Callable[[], Any]) -> Any:
        """Again where the connection turns out to be dead, as all are after a restart; to be
        repeated changes nothing. Raises Unavailable."""
        for wait_s in (*_WAITS_S, None):
            try:
                return await work()
            except (exceptions.ConnectionError, exceptions.TimeoutError) as error:
                if wait_s is None:
                    raise Unavailable(f"{self._name} does not answer: {error}") from error
                await self._redis.connection_pool.disconnect(inuse_connections=False)
                await asyncio.sleep(wait_s)
            except exceptions.ResponseError as error:
                raise _Refused(f"{self._name} refuses to write: {error}") from error
        raise AssertionError("unreachable")


class _Refused(Unavailable):
    """Redis is there and does not do it: out of memory, out of disk, a replica."""


def shown(url: str) -> str:
    """Which Redis that is, without a password."""
    parts = urlsplit(url)
    return f"Redis at {parts.hostname or 'localhost'}:{parts.port or 6379}"


def _parsed(url: str) -> tuple[str, bool]:
    """The address for the library, and whether loss is accepted."""
    parts = urlsplit(url)
    query = parse_qs(parts.query, keep_blank_values=True)
    volatile = query.pop("volatile", [])
    if query or volatile not in ([], ["accepted"]):
        raise SettingError("sessions=redis:// takes no parameter but volatile=accepted.")
    return urlunsplit(parts._replace(query="")), bool(volatile)


def _hash(key: CallKey) -> str:
    return f"twicetold:session:{_member(key)}"


def _keys(key: CallKey) -> list[str]:
    return [_hash(key), _UNFINISHED]


def _member(key: CallKey) -> str:
    return f"{key.tenant}/{key.call_id}"  # identifiers hold no slash


def _key(member: str) -> CallKey:
    tenant, _, call_id = member.partition("/")
    return CallKey(tenant, call_id)


def _op() -> str:
    """A name for one change."""
    return secrets.token_hex(8)


def _us(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _flat(fields: dict[str, object]) -> list[str]:
    """Names and values in turn, as text; None is not a value of any field."""
    return [text for name, value in fields.items() for text in (name, str(value))]


def _finals(finals: Iterable[Final]) -> dict[str, object]:
    return {f"{_FINAL}{final.event}": compact(final.to_dict()) for final in finals}


def _record(key: CallKey, found: dict[str, str]) -> Record:
    finals = [
        Final.from_dict(json.loads(body)) for name, body in found.items() if name.startswith(_FINAL)
    ]
    fields: dict[str, Any] = {name: _value(name, found[name]) for name in FIELDS}
    return record_of(key, fields, tuple(sorted(finals, key=lambda final: final.event)))


def _value(name: str, text: str) -> object:
    if name in _TEXTS:
        return text
    return float(text) if name == "started_at" else int(text)
