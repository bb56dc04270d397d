"""The JSON of what is known of a call besides its words. Times are seconds of the recording."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from twicetold.enrich.rules.model import Must

_SPEAKER = "As the transcript calls them."
Times = Annotated[tuple[float, float], Field(description="Start and end.")]
Point = Annotated[tuple[float, float], Field(description="Second, and sentiment from -1 to 1.")]


class SpeakersBody(BaseModel):
    """Who speaks. Speakers that have a role are called by it, in all that is told of a call."""

    method: str = Field(
        description="What told them apart: `channels`, `engine`, or the name of a diarizer."
    )
    names: list[str] = Field(
        default=[],
        description="All, as the transcript calls them, in the order in which they are first "
        "heard: `agent`, `customer`, or a number for who has no role.",
    )


class RemovedBody(BaseModel):
    """Personal data that was removed. What it was is not kept."""

    kind: str
    start: float
    end: float
    channel: int
    speaker: str | None = Field(description=_SPEAKER)


class SpeakerMetricsBody(BaseModel):
    """One speaker. Seconds end in `_s`, shares are 0 to 1; null where it could not be measured."""

    speaker: str = Field(description=_SPEAKER)
    talk_s: float
    talk_share: float = Field(description="Of all speakers' talk time.")
    words: int
    words_per_minute: float | None = Field(description="Of talk time.")
    turns: int
    interruptions: int = Field(description="That this speaker made.")
    longest_monologue_s: float
    response_median_s: float | None = Field(description="How soon this speaker answers others.")
    response_p90_s: float | None
    questions: int | None


class MetricsBody(BaseModel):
    """How the conversation ran. Somebody speaks for `talk_s`, nobody for `silence_s`."""

    length_s: float
    talk_s: float
    silence_s: float
    silence_share: float
    longest_silence_s: float
    talk_over_s: float = Field(description="Both at once.")
    hold_s: float
    holds: int
    words: int
    words_per_minute: float | None
    turns: int
    interruptions: int
    longest_monologue_s: float
    response_median_s: float | None
    response_p90_s: float | None
    questions: int | None = Field(
        description="Null where the engine writes no question marks and the language is not "
        "English."
    )
    speakers: list[SpeakerMetricsBody]


class SpeakerSentimentBody(BaseModel):
    speaker: str = Field(description=_SPEAKER)
    score: float | None = Field(description="-1 to 1; null where nothing was judged.")
    curve: list[Point]


class SentimentBody(BaseModel):
    """How it went."""

    score: float | None = Field(description="Of the call, -1 to 1; null where nothing was judged.")
    judge: str = Field(description="Who judged: `vader`, `llm:MODEL`; empty where nobody did.")
    wished: str = Field(description="Who was to judge.")
    language: str
    reason: str = Field(
        description="Why it was another: `language`, which the one that was wished for does not "
        "speak, or the code of an error; else empty."
    )
    curve: list[Point] = Field(description="Of the call; at most 60 points.")
    speakers: list[SpeakerSentimentBody]


class MatchBody(BaseModel):
    """A phrase rule that found something. Of something that was left out there is a time alone."""

    category: str
    rule: str
    must: Must = Field(
        description="What it found: a phrase (`say`), one that may not be said "
        "(`must_not_say`), or that one was not said (`must_say`)."
    )
    start: float
    end: float
    segment: int | None = Field(description="The number of a segment of the transcript.")
    channel: int | None
    words: tuple[int, int] | None = Field(description="Indices of its first and last word there.")


class RulesBody(BaseModel):
    """What the phrase rules found."""

    categories: list[str] = Field(description="Those with a match, in the file's order.")
    matches: list[MatchBody]
    unjudged: list[tuple[str, str]] = Field(
        description="Rules (category, rule) about somebody whom nothing in the transcript names."
    )
    fingerprint: str = Field(description="Of the rules: it differs where they find other things.")


class ReasonBody(BaseModel):
    """What a rule of the rubric added to the score, or took from it."""

    rule: str
    points: float
    times: list[Times] = Field(description="When it was seen, the first ten times.")
    value: float | str | None = Field(description="What was measured, where that is the reason.")


class LeadBody(BaseModel):
    """The lead score, with its reasons."""

    score: int = Field(description="0 to 100.", ge=0, le=100)
    base: float | None = Field(
        None,
        description="What the rubric begins with; with the points of `fired` it makes the score, "
        "cut off at 0 and 100. Null of calls that were scored before it was kept.",
    )
    calibrated: bool = Field(description="If not, the score is an order and no more.")
    probability: float | None = Field(
        description="Of a good outcome, once the rubric is calibrated."
    )
    rubric: str
    fingerprint: str = Field(description="Of the rubric: it differs where scores may.")
    fired: list[ReasonBody]
    unjudged: list[str] = Field(description="Rules of which nobody can say whether they hold.")
    unanswered: str | None = Field(
        None, description="Why a language model did not answer the rubric's questions: a code."
    )


class FailedStageBody(BaseModel):
    stage: str = Field(description="`speakers`, `metrics`, `sentiment`, `rules` or `lead`.")
    code: str = Field(description="Of its error.")


_EXAMPLE: dict[str, JsonValue] = {
    "call_id": "call-7f3a",
    "revision": "5e0c71",
    "speakers": {"method": "channels", "names": ["agent", "customer"]},
    "removed": [{"kind": "phone", "start": 12.4, "end": 16.1, "channel": 1, "speaker": "customer"}],
    "removed_counts": {"phone": 1},
    "metrics": None,
    "sentiment": {
        "score": 0.21,
        "judge": "vader",
        "wished": "vader",
        "language": "en",
        "reason": "",
        "curve": [[4.2, 0.1], [31.8, 0.32]],
        "speakers": [{"speaker": "customer", "score": 0.3, "curve": [[31.8, 0.3]]}],
    },
    "rules": None,
    "lead": {
        "score": 62,
        "base": 50.0,
        "calibrated": False,
        "probability": None,
        "rubric": "default",
        "fingerprint": "9f86d081884c7d65",
        "fired": [
            {"rule": "asks for a price", "points": 12.0, "times": [[40.1, 41.3]], "value": None}
        ],
        "unjudged": [],
        "unanswered": None,
    },
    "failed_stages": [{"stage": "rules", "code": "bad_setting"}],
}


class InsightsBody(BaseModel):
    """What is known of a call besides its words. What was not asked for, or was left out
    (`failed_stages`), is null."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    call_id: str
    revision: str = Field(description="Of the canonical transcript that it belongs to.")
    speakers: SpeakersBody | None = None
    removed: list[RemovedBody] | None = Field(None, description="Null where redaction is off.")
    removed_counts: dict[str, int] | None = Field(None, description="By kind.")
    metrics: MetricsBody | None = None
    sentiment: SentimentBody | None = None
    rules: RulesBody | None = None
    lead: LeadBody | None = None
    failed_stages: list[FailedStageBody] = Field(
        default=[], description="Stages that were left out. The transcript is whole without them."
    )
