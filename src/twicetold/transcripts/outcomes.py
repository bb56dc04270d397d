"""What came of a call, counted in its lead score by whichever of the two comes second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from twicetold.speech.identity import CallKey
from twicetold.transcripts import Transcripts

LEAD = "lead"  # the insight that holds the score with its reasons, as ``enrich.leads`` has it

# The insight with other outcomes; None where it is by another rubric than that of now.
Rescored = Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any] | None]


class Counted(StrEnum):
    """Whether a call's lead score counts what came of it."""

    YES = "yes"
    LATER = "later"  # once the canonical transcript is made: none stands
    NOT_SCORED = "not_scored"  # the transcript that stands has no score
    OTHER_RUBRIC = "other_rubric"  # what stands is by a rubric that is not the tenant's any more


async def settle_outcomes(
    transcripts: Transcripts,
    key: CallKey,
    rescored: Rescored,
    told: Mapping[str, str] | None = None,
) -> tuple[Counted, float | None]:
    """Have the lead score of the canonical transcript count the call's outcomes, or those that
    are ``told`` now in their place; and the score.

    What is told and what it changes is written at once, so that nobody who dies in between leaves
    one without the other. Whoever has published a transcript calls it too: of two at once the
    second finds what the first has done. May be repeated. Raises CallNotFound, CallDeleted.
    """
    while True:
        # First the call: insights of a later transcript are then refused.
        call, insights = await transcripts.call(key), await transcripts.insights(key)
        standing = call is not None and call.canonical_revision is not None
        lead = (insights or {}).get(LEAD) if standing else None
        outcomes = told if told is not None else call.outcomes if call is not None else {}
        made = None if lead is None else rescored(lead, outcomes)
        if made is None or call is None or insights is None:
            if told is None:
                return _uncounted(standing and insights is not None, lead)
            await transcripts.set_outcomes(key, told)
            told = None  # and look again: a transcript may have come meanwhile
            continue
        if (made, outcomes) == (lead, call.outcomes):
            return Counted.YES, made["score"]
        if await transcripts.rescore(call, made["score"], {**insights, LEAD: made}, outcomes):
            return Counted.YES, made["score"]


def _uncounted(standing: bool, lead: Mapping[str, Any] | None) -> tuple[Counted, float | None]:
    if not standing:
        return Counted.LATER, None
    return (Counted.NOT_SCORED, None) if lead is None else (Counted.OTHER_RUBRIC, lead["score"])
