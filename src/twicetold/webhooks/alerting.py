"""Alerts of phrase rules, as events: once for each match, whoever follows the call or not."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence

import structlog

from twicetold.enrich.rules import LiveRules, RuleAlert, RuleSet, RulesOf
from twicetold.errors import TwicetoldError
from twicetold.speech.identity import CallKey
from twicetold.speech.transcript import Final
from twicetold.transcripts import Transcripts
from twicetold.webhooks import ALERT, Outbox, event_id

log = structlog.get_logger()

_MOST_CALLS = 1_000  # that are known; of others the draft is read again


class AlertAnnouncer:
    """Told of each call's finals as they come to the draft, perhaps twice."""

    def __init__(self, outbox: Outbox, transcripts: Transcripts, rules: RulesOf) -> None:
        self._outbox, self._transcripts, self._rules = outbox, transcripts, rules
        self._calls: OrderedDict[CallKey, tuple[RuleSet, LiveRules]] = OrderedDict()

    async def drafted(self, key: CallKey, finals: Sequence[Final]) -> None:
        """Emits what these finals match. Raises what may pass, of the outbox and the store: told
        of the same finals once more, it emits the same events."""
        found = self._rules(key.tenant)
        if found is None or not finals:
            return
        rules, roles = found
        live = await self._live(key, rules, roles, finals[0].event)
        alerts = [alert for final in finals for alert in live.accept(final)]
        try:
            for alert in alerts:
                await self._emit(key, alert)
        except BaseException:
            self._calls.pop(key, None)  # it has heard finals whose alerts are not all told
            raise

    async def _emit(self, key: CallKey, alert: RuleAlert) -> None:
        """Raises what may pass; an event that never can be told holds up no other."""
        data = {
            "event": alert.event,
            "channel": alert.channel,
            "at": round(alert.at, 3),
            "category": alert.category,
            "rule": alert.rule,
            "suggestion": alert.suggestion,
        }
        name = event_id(ALERT, *key, f"{alert.category}/{alert.rule}/{alert.event}")
        try:
            await self._outbox.emit(key.tenant, ALERT, key.call_id, data, name)
        except TwicetoldError as error:
            if error.retryable:
                raise
            log.error("webhook_not_queued", call=str(key), event_type=ALERT, code=error.code)  # noqa: TRY400

    async def _live(
        self, key: CallKey, rules: RuleSet, roles: tuple[str, ...], first: int
    ) -> LiveRules:
        """Where the call stands, with all finals before ``first`` known."""
        known = self._calls.pop(key, None)
        live = known[1] if known is not None and known[0] is rules else None
        if live is None or live.event < first - 1:  # another recorder had the call meanwhile
            live = await self._from_draft(key, rules, roles, first)
        self._calls[key] = (rules, live)
        if len(self._calls) > _MOST_CALLS:
            self._calls.popitem(last=False)
        return live

    async def _from_draft(
        self, key: CallKey, rules: RuleSet, roles: tuple[str, ...], first: int
    ) -> LiveRules:
        call = await self._transcripts.call(key)
        live = LiveRules(rules, roles, call.channels if call is not None else 1)
        for final in await self._transcripts.draft_finals(key) if first > 1 else ():
            if final.event < first:
                live.accept(final)
        return live
