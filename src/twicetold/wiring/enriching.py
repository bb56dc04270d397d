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
from twicetold.enrich.redacting import Redact
from twicetold.enrich.redaction import Policy, checked_policy
from twicetold.enrich.steps import Facts, Known, Step
from twicetold.enrich.wishes import Enrichment
from twicetold.errors import SettingError, TwicetoldError
from twicetold.gateway.ticket_secret import ticket_secret
from twicetold.parts import enrichment_by
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.speech.transcript import Segment
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
    made = Enrichers(enrichment_by(settings, tenants), secret, apart)
    made.check(DEFAULT_TENANT)
    for tenant in tenants.list():
        try:
            made.check(tenant.name)
        except TwicetoldError as error:
            log.warning("enrichment_of_tenant_refused", tenant=tenant.name, reason=error.message)
    try:
        yield made
    finally:
        apart.close()
