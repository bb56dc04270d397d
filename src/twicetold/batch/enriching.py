"""The stages between the words and the canonical transcript: who spoke, what must not be kept,
how it went. Each has a checkpoint of its own; one that fails is left out, and that is told, but
for one that fails closed.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from twicetold.batch.diarizing import TellsVoicesApart
from twicetold.batch.transcript import Transcript
from twicetold.engines import EngineInfo
from twicetold.enrich import sound
from twicetold.enrich.leads import LEAD, Rubric, with_outcomes
from twicetold.enrich.steps import Facts, Packed, Step
from twicetold.errors import SettingError, TwicetoldError

log = structlog.get_logger()

FAILED = "failed_stages"

# Stages that are told what came of the call. All others do not know, and so their checkpoints hold
# whatever comes of it.
_TOLD_OUTCOMES = frozenset({LEAD})

Apply = Callable[[Step, Packed, Facts], Awaitable[Packed]]


class AskedModel(Protocol):
    """A language model that steps of one attempt ask."""

    @property
    def model(self) -> str: ...

    @property
    def tokens(self) -> tuple[int, int]:
        """Read and written so far by this attempt, also for what came to nothing; they only
        grow."""

    def spent_before(self, tokens: int) -> None:
        """By earlier attempts at the call: its budget has less."""


@dataclass(frozen=True, slots=True)
class Enriching:
    """What is made of a call's words, in order, and where that is computed. ``cover`` is what is
    to be heard in place of personal data; "" where none is removed. ``diarizer`` tells apart who
    speaks on one channel; None where nobody does. ``asked``: where steps ask a language model; it
    counts for one attempt alone. ``rubric``: by which a step scores the call."""

    steps: Sequence[Step] = ()
    apply: Apply | None = None
    cover: str = ""
    diarizer: TellsVoicesApart | None = None
    asked: AskedModel | None = None
    rubric: Rubric | None = None

    def rescored(
        self, lead: Mapping[str, Any], outcomes: Mapping[str, str]
    ) -> dict[str, Any] | None:
        """The insight ``lead`` as it is with other outcomes; None where it is by another rubric."""
        return with_outcomes(lead, outcomes, self.rubric)

    @property
    def redacts(self) -> bool:
        return bool(self.cover)

    @property
    def name(self) -> str:
        """What differs where the result could, the redacted sound included: attempts with another
        are other attempts."""
        told = [(step.name, step.settings) for step in self.steps]
        if self.cover:
            told.append(("cover", f"{sound.VERSION} {self.cover}"))
        return hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16] if told else "plain"


NOTHING = Enriching()


class Enrich:
    """All steps, one after the other."""

    name = "enrich"

    def __init__(self, enriching: Enriching, info: EngineInfo) -> None:
        self._enriching, self._info = enriching, info

    async def run(self, transcript: Transcript) -> None:
        """Raises what a step that fails closed raises."""
        failed = {FAILED: transcript.failed_stages} if transcript.failed_stages else {}
        known = await Packed.gather(transcript.segments(), failed)
        facts = transcript.facts = Facts(
            _language_of(transcript),
            transcript.length_s,
            transcript.channels,
            self._info.time_error_s,
            self._info.word_times,
            transcript.turns,
        )
        trail = hashlib.sha256(repr((facts, transcript.failed_stages)).encode()).hexdigest()
        for step in self._enriching.steps:
            told = facts
            if step.name in _TOLD_OUTCOMES:
                told = replace(facts, outcomes=await transcript.outcomes())
            # What a step makes of it depends on all that came before.
            by = f"{trail}/{step.name}/{step.settings}/{sorted(told.outcomes.items())}"
            trail = hashlib.sha256(by.encode()).hexdigest()[:16]
            known = await self._one(transcript, step, trail, known, told)
        transcript.known = known

    async def _one(
        self, transcript: Transcript, step: Step, trail: str, known: Packed, facts: Facts
    ) -> Packed:
        kept = await transcript.checkpoints.load_stage(step.name, trail)
        if kept is not None:
            return kept
        assert self._enriching.apply is not None, "steps come with what applies them"
        try:
            made = await self._enriching.apply(step, known, facts)
        except Exception as error:
            if step.closed:
                raise
            code = error.code if isinstance(error, TwicetoldError) else "internal_error"
            # Without the message of a foreign error, which may quote anything.
            told = {"reason": error.message} if isinstance(error, SettingError) else {}
            log.warning(
                "stage_left_out", stage=step.name, code=code, error=type(error).__name__, **told
            )
            failed = [*known.insights.get(FAILED, ()), {"stage": step.name, "code": code}]
            return await asyncio.to_thread(known.with_insight, FAILED, failed)
        transcript.enriched.add(step.name, made.compute_s)
        await transcript.checkpoints.save_stage(step.name, trail, made)
        return made


def _language_of(transcript: Transcript) -> str:
    """Of all channels; ``mul`` (ISO 639-2) where they were found to speak different ones."""
    found = set(transcript.languages.values()) if transcript.language == "auto" else set()
    return transcript.language if not found else found.pop() if len(found) == 1 else "mul"
