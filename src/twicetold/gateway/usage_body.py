"""The JSON of usage."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue

from twicetold.transcripts.usage import UsageFilter, UsageLine, UsagePage

_SUMS: dict[str, JsonValue] = {
    "passes": 12,
    "attempts": 13,
    "audio_s": 5400.0,
    "compute_s": 220.5,
    "cost": 0.0099,
    "tokens_in": 0,
    "tokens_out": 0,
}


class UsageSums(BaseModel):
    passes: int = Field(description="Calls whose audio is in it, each once for every pass.")
    attempts: int = Field(
        description="Attempts whose engine is in it; stages of enrichment are parts of one."
    )
    audio_s: float = Field(description="Audio of the calls, however often it was attempted.")
    compute_s: float = Field(description="Of all attempts, also those that failed.")
    cost: float
    tokens_in: int = Field(
        description="Tokens that a language model read, also for what came to nothing."
    )
    tokens_out: int = Field(description="Tokens that it wrote.")


class UsageRow(UsageSums):
    """What it is added up by has its value; the rest of that is null."""

    day: str | None = Field(None, description="In UTC.")
    tenant: str | None = None
    call: str | None = Field(None, description="Empty for calls that were deleted.")
    pass_: str | None = Field(None, alias="pass")
    engine: str | None = Field(
        None,
        description="`enrichment` for stages after the words, each of them as a model; `llm` for "
        "language models that they ask.",
    )
    model: str | None = None
    device: str | None = None

    @classmethod
    def of(cls, line: UsageLine) -> Self:
        return cls.model_validate({**{str(n): v for n, v in line.group.items()}, **_sums(line)})


class UsageBody(BaseModel):
    """Rows in the order of what they are added up by; `total` is of all pages, `cursor` asks for
    the next one and is null on the last."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "from": "2026-11-01",
                    "to": "2026-11-30",
                    "currency": "USD",
                    "rows": [{"day": "2026-11-20", "engine": "parakeet", "pass": "batch", **_SUMS}],
                    "total": _SUMS,
                    "cursor": None,
                }
            ]
        }
    )

    first_day: str = Field(alias="from")
    last_day: str = Field(alias="to")
    currency: str
    rows: list[UsageRow]
    total: UsageSums
    cursor: str | None

    @classmethod
    def of(cls, page: UsagePage, only: UsageFilter, currency: str) -> Self:
        return cls.model_validate(
            {
                "from": only.first_day,
                "to": only.last_day,
                "currency": currency,
                "rows": [UsageRow.of(line) for line in page.lines],
                "total": _sums(page.total),
                "cursor": page.cursor,
            }
        )


def _sums(line: UsageLine) -> dict[str, float | int]:
    return {
        "passes": line.passes,
        "attempts": line.attempts,
        "audio_s": round(line.audio_s, 3),
        "compute_s": round(line.compute_s, 3),
        "cost": round(line.cost, 9),
        "tokens_in": line.tokens_in,
        "tokens_out": line.tokens_out,
    }
