"""What is made of each tenant's calls, put together from the settings."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import structlog

from twicetold.batch.enriching import Enriching
from twicetold.config import Settings
from twicetold.engines.registry import usable_cores
from twicetold.enrich.apart import Apart
from twicetold.enrich.asking import Asking, AskLead, AskSentiment
from twicetold.enrich.attributing import NameSpeakers
from twicetold.enrich.judging import (
    ApplyRules,
    JudgeSentiment,
    Measure,
    ScoreLead,
    Unusable,
    rubric_of,
    rules_of,
)
from twicetold.enrich.leads import LEAD, Rubric
from twicetold.enrich.llm import LlmBudget, LlmClient, LlmEndpoint, Spending
from twicetold.enrich.redacting import Redact, knows, load
from twicetold.enrich.redaction import Policy, checked_policy
from twicetold.enrich.redaction.elsewhere import LiveElsewhere, LiveWords, Places
from twicetold.enrich.speakers.elsewhere import DiarizerElsewhere
from twicetold.enrich.steps import Facts, Known, Packed, Step
from twicetold.enrich.wishes import NONE, Enrichment, EnrichmentOf
from twicetold.errors import SettingError, TwicetoldError
from twicetold.gateway.ticket_secret import ticket_secret
from twicetold.live.redacting import LiveRedactor, Withholding
from twicetold.parts import enrichment_by, wishes_of
from twicetold.sessions import Record
from twicetold.speech.identity import DEFAULT_TENANT
from twicetold.speech.transcript import Segment
from twicetold.tenants import Tenants
from twicetold.wiring.diarizers import AUTO, Voices
from twicetold.wiring.rule_files import rubric_text, rules_text

log = structlog.get_logger()

LLM = "llm"

_MOST_NICENESS = 5  # every job passes through this one process
_SECRET = "pseudonym.key"
_CALLS_A_PROCESS = 50  # that redacts them while they are spoken
_MOST_PROCESSES = 4
_NO_MODEL = "sentiment got llm, but llm_url and llm_model say of none."


@dataclass(frozen=True, slots=True)
class Llm:
    """The server's language model; ``refusing`` is for tenants that do not allow it."""

    client: LlmClient
    refusing: LlmClient
    budget: LlmBudget


@dataclass(frozen=True, slots=True)
class Enrichers:
    """``secret`` is the installation's own: pseudonyms are made with it, another for each tenant.
    ``apart`` is where it is computed, ``places`` where live calls are redacted."""

    by: EnrichmentOf
    tenants: Callable[[], Sequence[str]]
    secret: bytes
    apart: Apart
    places: Places
    remotes: Callable[[str], frozenset[str]]
    voices: Voices
    llm: Llm | None = None

    def batch(self, tenant: str, language: str) -> Enriching:
        """What an attempt at a job makes of a tenant's words, as things are now."""
        wanted = self.by(tenant)
        steps: list[Step] = []
        diarizer: DiarizerElsewhere | None = None
        try:
            diarizer = self.voices.of(wanted.speakers or AUTO)
        except TwicetoldError as error:
            steps.append(Unusable("speakers", error))
        else:
            if wanted.speakers != NONE:
                method = diarizer.name if diarizer is not None else "channels"
                steps.append(NameSpeakers(method, wanted.roles, wanted.speakers or AUTO))
        if wanted.redacts:
            steps.append(Redact(self.policy(tenant)))
        steps.append(Measure(wanted.roles))
        asking = self._asking(tenant)
        if wanted.sentiment == LLM:
            steps.append(
                AskSentiment(asking, wanted.roles)
                if asking is not None
                else Unusable("sentiment", SettingError(_NO_MODEL))
            )
        elif wanted.sentiment != NONE:
            steps.append(JudgeSentiment(wanted.roles))
        lead, rubric = _lead(wanted, asking)
        steps += [*_rules(wanted), *lead]
        cover = wanted.sound if wanted.redacts else ""
        return Enriching(steps, self._apply, cover, diarizer, asking, rubric)

    async def _apply(self, step: Step, packed: Packed, facts: Facts) -> Packed:
        if isinstance(step, AskSentiment | AskLead):
            known = await asyncio.to_thread(packed.unpack)
            return await asyncio.to_thread(Packed.of, await step.ask(known, facts))
        return await self.apart.apply(step, packed, facts)

    def _asking(self, tenant: str) -> Asking | None:
        """What an attempt at a call of the tenant may ask of the language model, within the call's
        budget; None where there is none."""
        if self.llm is None:
            return None
        allowed = LLM in self.remotes(tenant)
        client = self.llm.client if allowed else self.llm.refusing
        return Asking(client, Spending(self.llm.budget))

    def live(self, record: Record) -> LiveRedactor | None:
        """What redacts a call that begins now, or goes on here; None where its words are not
        redacted."""
        tenant = record.key.tenant
        if not self.by(tenant).redacts:
            return None
        if not knows(record.language):
            return Withholding()
        policy = self.policy(tenant)
        call = LiveWords(record.language, policy, record.channels, record.redaction)
        return LiveElsewhere(call, self.places)

    async def load(self, tenant: str) -> None:
        """What the tenant's redaction needs, in the process that redacts, so that no call waits for
        it. Raises MissingExtra, ModelMissing, SettingError."""
        if self.by(tenant).redacts:
            await self.apart.call("redact", load, [self.policy(tenant)])

    async def prove(self, tenant: str) -> None:
        """Raises SettingError, or what else is wrong with the model that tells a tenant's voices
        apart."""
        await self.voices.prove(self.by(tenant).speakers or AUTO)

    async def warm(self) -> None:
        """What ``load`` does, for all tenants; what is of no use is told in the log."""
        for tenant in (DEFAULT_TENANT, *self.tenants()):
            try:
                await self.load(tenant)
            except TwicetoldError as error:
                _refused(tenant, error)

    async def redacted(
        self, tenant: str, language: str, segments: Sequence[Segment]
    ) -> list[Segment]:
        """What may be kept of words that are no transcript of the call. Raises
        RedactionUnavailable."""
        if not self.by(tenant).redacts:
            return list(segments)
        packed = Packed.of(Known(tuple(segments)))
        made = await self.apart.apply(Redact(self.policy(tenant)), packed, Facts(language, 0.0, 1))
        return list(made.segments())

    def check(self, tenant: str) -> None:
        """Raises SettingError for what is wrong with its settings."""
        wanted = self.by(tenant)
        if wanted.sentiment == LLM and self.llm is None:
            raise SettingError(_NO_MODEL)
        if (rubric := rubric_text(wanted)) is not None:
            rubric_of(*rubric)
        self.voices.of(wanted.speakers or AUTO)
        self.policy(tenant)
        if (found := rules_text(self.by(tenant))) is not None:
            rules_of(*found)

    def policy(self, tenant: str) -> Policy:
        """Raises SettingError for a kind that there is not."""
        wanted = self.by(tenant)
        key = hmac.digest(self.secret, f"pseudonyms of {tenant}".encode(), hashlib.sha256)
        return checked_policy(wanted.kinds, wanted.style, key, wanted.finders)


def _refused(tenant: str, error: TwicetoldError) -> None:
    log.warning("enrichment_of_tenant_refused", tenant=tenant, reason=error.message)


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


def _lead(wanted: Enrichment, asking: Asking | None) -> tuple[list[Step], Rubric | None]:
    """As ``_rules``, and the rubric itself; questions are asked where there is somebody to ask."""
    try:
        found = rubric_text(wanted)
        if found is None:
            return [], None
        rubric = rubric_of(*found)
        if asking is not None and rubric.questions:
            return [AskLead(rubric, asking, wanted.roles)], rubric
        return [ScoreLead(*found, wanted.roles)], rubric
    except SettingError as error:
        return [Unusable(LEAD, error)], None


def _llm(settings: Settings) -> Llm | None:
    """Raises SettingError for a model without an address, or the other way round."""
    if settings.llm_url is None and settings.llm_model is None:
        return None
    if settings.llm_url is None or settings.llm_model is None:
        raise SettingError("llm_url and llm_model go together, and one of them got nothing.")
    endpoint = LlmEndpoint(settings.llm_url, settings.llm_model, settings.llm_key or "")
    return Llm(
        LlmClient(replace(endpoint, allowed=True)),
        LlmClient(endpoint),
        LlmBudget(tokens=settings.llm_tokens),
    )


async def _check_all(made: Enrichers, live: bool) -> None:
    """Raises for the server's settings; what is wrong with a tenant's is told in the log."""
    for name in (DEFAULT_TENANT, *made.tenants()):
        try:
            made.check(name)
            if not live:
                await made.prove(name)
        except TwicetoldError as error:
            if name == DEFAULT_TENANT:
                raise
            _refused(name, error)


@asynccontextmanager
async def enrichers(
    settings: Settings, tenants: Tenants, *, live: bool = False
) -> AsyncIterator[Enrichers]:
    """What enriches calls, ready. ``live``: while they are spoken, when words wait for it, and
    nobody tells voices apart. Raises SettingError, MissingExtra or ModelMissing for settings of the
    server's that are of no use; a tenant's are told in the log and cost nobody else anything."""
    secret = await asyncio.to_thread(ticket_secret, settings.data_dir / _SECRET)
    apart = Apart(0 if live else min(settings.batch_niceness, _MOST_NICENESS))
    most = min(_MOST_PROCESSES, max(1, usable_cores() // 2))
    places = Places(apart, most, _CALLS_A_PROCESS)
    by = enrichment_by(settings, tenants)
    wishes, llm = wishes_of(settings), _llm(settings)
    made = Enrichers(
        by,
        lambda: [tenant.name for tenant in tenants.list()],
        secret,
        apart,
        places,
        lambda tenant: tenants.wishes(tenant).over(wishes).remotes,
        Voices(),
        llm,
    )
    warming: asyncio.Task[None] | None = None
    try:
        await _check_all(made, live)
        if by(DEFAULT_TENANT).finders:  # what takes a moment, and may be missing
            await made.load(DEFAULT_TENANT)
        warming = asyncio.create_task(made.warm())
        yield made
    finally:
        if warming is not None:
            warming.cancel()
        places.close()  # which ends what it waits for
        if warming is not None:
            await asyncio.gather(warming, return_exceptions=True)
        made.voices.close()
        if llm is not None:
            await llm.client.aclose()
            await llm.refusing.aclose()
