"""What is made of each tenant's calls, put together from the settings."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from twicetold.batch.enriching import Enriching
from twicetold.config import Settings
from twicetold.enrich.apart import Apart
from twicetold.enrich.judging import ApplyRules, Measure, Unusable, rules_of
from twicetold.enrich.redacting import Choice, Redact, choose, mask, withheld
from twicetold.enrich.redaction import Context, Policy, checked_policy
from twicetold.enrich.steps import Facts, Known, Step
from twicetold.enrich.wishes import Enrichment
from twicetold.errors import SettingError, TwicetoldError
from twicetold.gateway.ticket_secret import ticket_secret
from twicetold.live.redacting import Decided, LiveRedactor
from twicetold.parts import enrichment_by
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.speech.transcript import Segment, Word
from twicetold.tenants import Tenants
from twicetold.wiring.rule_files import rules_text

log = structlog.get_logger()

_SECRET = "pseudonym.key"

By = Callable[[str], Enrichment]  # a tenant's, by its name


@dataclass(frozen=True, slots=True)
class Enrichers:
    """``secret`` is the installation's own: pseudonyms are made with it, another for each tenant.
    ``apart`` is where it is computed."""

    by: By
    tenants: Callable[[], Sequence[str]]
    secret: bytes
    apart: Apart

    def batch(self, tenant: str, language: str) -> Enriching:
        """What a job makes of a tenant's words, as things are now."""
        wanted = self.by(tenant)
        steps: list[Step] = []
        if wanted.redacts:
            steps.append(Redact(self.policy(tenant)))
        steps.append(Measure(wanted.roles))
        steps += _rules(wanted)
        return Enriching(steps, self.apart.apply, cover=wanted.sound if wanted.redacts else "")

    def live(self, tenant: str, language: str) -> LiveRedactor | None:
        """What redacts a call that begins now; None where its words are not redacted."""
        if not self.by(tenant).redacts:
            return None
        policy, known = self.policy(tenant), Context()

        async def decide(before: Sequence[Segment], held: Sequence[Segment]) -> list[Decided]:
            nonlocal known
            found: list[Choice]
            try:
                found, known = await self.apart.call(
                    "redact", choose, language, policy, before, held
                )
            except Exception as error:  # noqa: BLE001 - whatever it is, no word is shown for it
                # Without its traceback, which may quote what was said.
                told = {"error": type(error).__name__, "tenant": tenant}
                log.error("utterances_withheld", **told)  # noqa: TRY400
                found = [withheld(each) for each in held]
            return [Decided(each.shown, each.masked, each.undecided) for each in found]

        def masked(words: Sequence[Word], channel: int) -> tuple[Word, ...]:
            return mask(language, words, known, channel)

        return LiveRedactor(decide, masked)

    def warm(self) -> asyncio.Task[object] | None:
        """Make the process that redacts, where anybody wants it, so that no call waits for it."""
        if not any(self.by(tenant).redacts for tenant in (DEFAULT_TENANT, *self.tenants())):
            return None
        return asyncio.create_task(self.apart.call("redact", choose, "en", Policy(), (), ()))

    async def redacted(
        self, tenant: str, language: str, segments: Sequence[Segment]
    ) -> list[Segment]:
        """What may be kept of words that are no transcript of the call. Raises
        RedactionUnavailable."""
        if not self.by(tenant).redacts:
            return list(segments)
        known = Known(tuple(segments))
        made = await self.apart.apply(Redact(self.policy(tenant)), known, Facts(language, 0.0, 1))
        return list(made.segments)

    def check(self, tenant: str) -> None:
        """Raises SettingError for what is wrong with its settings."""
        self.policy(tenant)
        if (found := rules_text(self.by(tenant))) is not None:
            rules_of(*found)

    def policy(self, tenant: str) -> Policy:
        """Raises SettingError for a kind that there is not."""
        wanted = self.by(tenant)
        key = hmac.digest(self.secret, f"pseudonyms of {tenant}".encode(), hashlib.sha256)
        return checked_policy(wanted.kinds, wanted.style, key)


def _rules(wanted: Enrichment) -> list[Step]:
    """By the file as it is now; one that is of no use is left out, and that is told."""
    try:
        found = rules_text(wanted)
        if found is None:
            return []
        rules_of(*found)
        return [ApplyRules(*found, wanted.roles)]
    except SettingError as error:
        return [Unusable("rules", error)]


@asynccontextmanager
async def enrichers(settings: Settings, tenants: Tenants) -> AsyncIterator[Enrichers]:
    """What enriches calls, ready. Raises SettingError for settings of the server's that are of no
    use; a tenant's are told in the log and cost nobody else anything."""
    secret = await asyncio.to_thread(ticket_secret, settings.data_dir / _SECRET)
    apart = Apart()
    by = enrichment_by(settings, tenants)
    made = Enrichers(by, lambda: [tenant.name for tenant in tenants.list()], secret, apart)
    made.check(DEFAULT_TENANT)
    for name in made.tenants():
        try:
            made.check(name)
        except TwicetoldError as error:
            log.warning("enrichment_of_tenant_refused", tenant=name, reason=error.message)
    warming = made.warm()
    try:
        yield made
    finally:
        apart.close()
        if warming is not None:
            warming.cancel()
            await asyncio.gather(warming, return_exceptions=True)
