"""What came of a call, counted in its lead score by whichever of the two comes second."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from twicetold.speech.identity import CallKey
from twicetold.transcripts import Transcripts

LEAD = "lead"  # the insight that holds the score with its reasons

# The insight with other outcomes; None where it is by another rubric than that of now.
Rescored = Callable[[Mapping[str, Any], Mapping[str, str]], dict[str, Any] | None]


class Counted(StrEnum):
    """Whether a call's lead score counts what came of it."""

    YES = "yes"
    LATER = "later"  # once the canonical transcript is made: none stands
    NOT_SCORED = "not_scored"  # the transcript that stands has no score
    OTHER_RUBRIC = "other_rubric"  # what stands is by a rubric that is not the tenant's any more


async def settle_outcomes(
    transcripts: Transcripts, key: CallKey, rescored: Rescored
) -> tuple[Counted, float | None]:
    """Have the lead score of the canonical transcript count the call's outcomes; and the score.

    Whoever has set outcomes or published a transcript calls it, and the second of two at once
    finds what the first has done. May be repeated. Raises CallDeleted.
    """
    while True:
        # First the call: insights of a later transcript are then refused.
        call, insights = await transcripts.call(key), await transcripts.insights(key)
        if call is None or call.canonical_revision is None or insights is None:
            return Counted.LATER, None
        lead = insights.get(LEAD)
        if lead is None:
            return Counted.NOT_SCORED, call.lead_score
        made = rescored(lead, call.outcomes)
        if made is None:
            return Counted.OTHER_RUBRIC, lead["score"]
        if made == lead:  # its score, not the call's, which was read before somebody rescored
            return Counted.YES, made["score"]
        if await transcripts.rescore(call, made["score"], {**insights, LEAD: made}):
            return Counted.YES, made["score"]
