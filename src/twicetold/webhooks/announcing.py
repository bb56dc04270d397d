"""How calls end, as events: states, times and figures, and nothing of what was said."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import structlog

from twicetold.errors import TwicetoldError
from twicetold.speech.identity import CallKey
from twicetold.transcripts import Call, Transcripts
from twicetold.webhooks import COMPLETED, FAILED, Outbox, event_id

log = structlog.get_logger()

_DEEPEST, _MOST_FIGURES, _MOST_SPEAKERS = 4, 200, 32
_LABEL = re.compile(r"[A-Za-z0-9_.-]{1,32}")  # a name that we or an engine gave, and no sentence


class CallAnnouncer:
    """The Announcer that emits to an outbox. Says nothing of calls that were deleted."""

    def __init__(self, outbox: Outbox, transcripts: Transcripts) -> None:
        self._outbox, self._transcripts = outbox, transcripts

    async def done(self, key: CallKey, name: str) -> None:
        call = await self._transcripts.call(key)
        if call is None:
            return
        insights = await self._transcripts.insights(key) or {}
        data = {
            **_described(call),
            "status": "done",
            "provisional": call.provisional,
            "engine": call.canonical_engine,
            "draft_engine": call.draft_engine,
            "draft_wer": call.draft_wer,
            "sentiment": call.sentiment,
            "lead_score": call.lead_score,
            "metrics": _metrics(insights.get("metrics")),
        }
        await self._emit(key, COMPLETED, name, data)

    async def failed(self, key: CallKey, name: str, code: str, error: str, hint: str) -> None:
        call = await self._transcripts.call(key)
        if call is None:
            return
        told = {"code": code, "message": error, "hint": hint}
        data = {**_described(call), "status": "failed", "has_draft": call.has_draft, "error": told}
        await self._emit(key, FAILED, name, data)

    async def _emit(self, key: CallKey, type_: str, name: str, data: dict[str, Any]) -> None:
        """Raises what may pass, so that it is told later; what would not, such as a damaged outbox,
        is no reason for a transcript to fail."""
        named = event_id(type_, *key, name)
        try:
            await self._outbox.emit(key.tenant, type_, key.call_id, data, named)
        except TwicetoldError as error:
            if error.retryable:
                raise
            log.error("webhook_not_queued", call=str(key), event_type=type_, code=error.code)  # noqa: TRY400


def _described(call: Call) -> dict[str, Any]:
    return {
        "source": call.source,
        "language": call.language,
        "channels": call.channels,
        "started_at": call.started_at,
        "ended_at": call.ended_at,
        "length_s": call.length_s,
    }


def _metrics(told: object) -> dict[str, Any] | None:
    """Of the whole call, and by speaker."""
    if not isinstance(told, Mapping):
        return None
    speakers = told.get("speakers")
    each = {
        str(one["speaker"]): figures(one)
        for one in (speakers if isinstance(speakers, list) else [])[:_MOST_SPEAKERS]
        if isinstance(one, Mapping) and _LABEL.fullmatch(str(one.get("speaker")))
    }
    return {**(figures(told) or {}), **({"speakers": each} if each else {})} or None


def figures(value: object, deep: int = 0) -> Any:
    """The numbers of what was found out, under their names. Texts are left out, whatever they are
    about, as are lists, which have one entry a moment of the call."""
    if isinstance(value, Mapping) and deep < _DEEPEST:
        found = {
            str(name): figure
            for name, each in list(value.items())[:_MOST_FIGURES]
            if (figure := figures(each, deep + 1)) is not None
        }
        return found or None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value if isinstance(value, bool) else None
    return value if math.isfinite(value) else None
