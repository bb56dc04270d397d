"""Who may speak into which call: a new one is created, a running one is resumed."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from dataclasses import dataclass

from obstore.store import LocalStore

from twicetold.broker import Topic
from twicetold.choice.wishes import Use
from twicetold.errors import (
    CallDeleted,
    CallInUse,
    CallUsed,
    SessionLost,
    SwapLost,
    TwicetoldError,
    Unauthorized,
)
from twicetold.gateway.context import Platform
from twicetold.gateway.intake import Intake
from twicetold.gateway.live_protocol import LiveRequest
from twicetold.gateway.locks import CallLocks
from twicetold.media.formats import SUFFIXES
from twicetold.sessions import Record, State
from twicetold.speech.chunks import Open
from twicetold.speech.identity import CallKey
from twicetold.storage import local_path, recording_key

GATEWAY_NAME = f"gateway-{secrets.token_hex(4)}"


@dataclass(frozen=True, slots=True)
class Entry:
    """A connection's hold on a call. ``over`` says that it takes no more audio, ``left`` that the
    connection before had left and said how far it came."""

    record: Record
    token: str
    resumed: bool
    over: bool
    left: bool = False


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def heard_at(record: Record) -> float:
    """When the last sound was taken that a call's position counts, in Unix seconds; of a record
    that does not say it, by the length of that sound."""
    if record.heard_ms:
        return record.heard_ms / 1000
    return record.started_at + record.next_sample / record.rate


async def enter(
    platform: Platform, claims: CallLocks, key: CallKey, request: LiveRequest, intake: Intake
) -> Entry:
    """``claims``: of ids that become calls. Raises CallInUse, CallUsed, CallDeleted, SessionLost
    or Unauthorized."""
    if request.session is None:
        return await _create(platform, claims, key, request, intake)
    return await _resume(platform, key, request)


async def _create(
    platform: Platform, claims: CallLocks, key: CallKey, request: LiveRequest, intake: Intake
) -> Entry:
    token = secrets.token_urlsafe(24)
    await platform.policy.learn(key.tenant)
    now = time.time()
    record = Record(
        key=key,
        rate=intake.rate,
        channels=request.channels,
        language=platform.policy.spoken(Use.LIVE, key.tenant, request.language),
        encoding=request.encoding,
        input_rate=request.sample_rate,
        token_hash=_hash(token),
        started_at=now - request.age_s,
        heard_ms=round(now * 1000),
        gateway=GATEWAY_NAME,
        boundaries=(0,) * request.channels,
        utterances=(0,) * request.channels,
        adaptation=(None,) * request.channels,
    )
    async with claims.hold(key):  # an upload looks for the session, and makes its row, in one
        await _refuse_used(platform, key)
        await platform.sessions.create(record, platform.settings.lease_s)
    opening = Open(
        epoch=record.epoch,
        rate=record.rate,
        channels=record.channels,
        language=record.language,
        source="live",
        started_at=record.started_at,
    )
    try:
        await platform.broker.publish(Topic.AUDIO, key, opening.to_bytes())
    except TwicetoldError:
        # Nobody has the token: the id would be taken for a call that never began.
        with contextlib.suppress(TwicetoldError):
            await platform.sessions.remove(key)
        raise
    return Entry(record, token, resumed=False, over=False)


async def _refuse_used(platform: Platform, key: CallKey) -> None:
    """Raises CallDeleted, CallInUse or CallUsed."""
    if await platform.transcripts.buried(key):
        raise CallDeleted(f"The call {key.call_id} was deleted.")
    if await platform.transcripts.call(key) is not None:
        held = await platform.sessions.load(key)
        if held is not None and held.state is State.OPEN:
            raise CallInUse(f"The call {key.call_id} is running.")
        raise CallUsed(f"The call id {key.call_id} was used before.")
    if await asyncio.to_thread(_has_recording, platform.store, key):
        hint = "Choose another; what was put there by hand is made into a call of this id."
        raise CallUsed(f"A recording of the call {key.call_id} lies in the store.", hint)


def _has_recording(store: LocalStore, key: CallKey) -> bool:
    """Whether one was dropped that nobody has looked at yet: this call's would replace it."""
    paths = (local_path(store, recording_key(key, suffix)) for suffix in SUFFIXES)
    return any(path.exists() for path in paths)


async def _resume(platform: Platform, key: CallKey, request: LiveRequest) -> Entry:
    """Take the lease with a higher epoch; whoever held it loses its next comparison."""
    token = request.session or ""
    for _ in range(3):
        record = await platform.sessions.load(key)
        if record is None:
            if await platform.transcripts.buried(key):
                raise CallDeleted(f"The call {key.call_id} was deleted.")
            raise SessionLost(f"There is no session for call {key.call_id}.")
        if not hmac.compare_digest(record.token_hash, _hash(token)):
            raise Unauthorized(
                "The session token does not belong to this call.",
                "Send the token that came with 'ready' when the call began.",
            )
        _check_layout(record, request)  # before: who is refused takes the call from nobody
        if record.state is not State.OPEN:
            return Entry(record, token, resumed=True, over=True)
        try:
            await platform.sessions.swap(
                key,
                {"state": State.OPEN, "epoch": record.epoch},
                {
                    "epoch": record.epoch + 1,
                    "gateway": GATEWAY_NAME,
                    "lease_s": platform.settings.lease_s,
                },
            )
        except SwapLost:
            continue
        # The connection before may have written its last position meanwhile: read it again.
        held = await platform.sessions.load(key)
        if held is not None and held.epoch == record.epoch + 1:
            return Entry(held, token, resumed=True, over=False, left=not record.gateway)
    raise CallInUse(f"The call {key.call_id} is being resumed elsewhere at this moment.")


def _check_layout(record: Record, request: LiveRequest) -> None:
    """A resumed call goes on as it began. Raises CallInUse naming what differs."""
    began = (record.encoding, record.input_rate, record.channels)
    asked = (request.encoding, request.sample_rate, request.channels)
    if began != asked:
        raise CallInUse(
            f"The call began as {began[0]}, {began[1]} Hz, {began[2]} channel(s).",
            "Resume it with the same encoding, sample_rate and channels.",
        )
