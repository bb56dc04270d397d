import type { InsightsBody, LeadBody, MetricsBody, RemovedBody, SentimentBody } from "../api/types";
import { type Topic, topicsOf } from "./topics";

/** Something that was removed: its kind, when (seconds) and by whom it was said; no value. */
export type Removed = RemovedBody;

/** How it sounded at a second, from -1 to 1. */
export interface Mood {
  at: number;
  value: number;
  speaker: string | null;
}

export interface Sentiment {
  call: number | null;
  speakers: readonly (readonly [string, number])[];
  curve: readonly Mood[];
  judge: string;
}

/** What counted for the score, or against it, and when it began. */
export interface Reason {
  rule: string;
  points: number;
  times: readonly number[];
  /** What was measured, where that is the reason. */
  value: number | string | null;
}

export interface Lead {
  score: number;
  /** What the rubric begins with; null where it was not kept. */
  base: number | null;
  calibrated: boolean;
  /** Of a good outcome, 0 to 1, once the rubric is calibrated. */
  probability: number | null;
  reasons: readonly Reason[];
  /** Rules of which nobody can say whether they hold. */
  unjudged: readonly string[];
}

/** What is known of a call besides its words; any part may be missing. */
export interface Insights {
  removed: readonly Removed[];
  /** By kind, the most frequent ones first. */
  counts: readonly (readonly [string, number])[];
  sentiment: Sentiment | null;
  metrics: MetricsBody | null;
  topics: readonly Topic[];
  /** Rules about somebody whom nothing in the transcript names. */
  unjudged: readonly string[];
  lead: Lead | null;
  leftOut: InsightsBody["failed_stages"];
}

/** `GET /v1/calls/{id}/insights`, as it is shown. */
export function insightsOf(body: InsightsBody): Insights {
  const { rules, sentiment, lead } = body;
  return {
    removed: body.removed ?? [],
    counts: Object.entries(body.removed_counts ?? {}).sort((a, b) => b[1] - a[1]),
    sentiment: sentiment ? sentimentOf(sentiment) : null,
    metrics: body.metrics ?? null,
    topics: rules ? topicsOf(rules) : [],
    unjudged: (rules?.unjudged ?? []).map(([, rule]) => rule),
    lead: lead ? leadOf(lead) : null,
    leftOut: body.failed_stages,
  };
}

/** Whether there is anything to show of it. */
export function isEmpty(insights: Insights): boolean {
  const { sentiment, metrics, lead, topics, counts, leftOut } = insights;
  return !sentiment && !metrics && !lead && [topics, counts, leftOut].every((list) => !list.length);
}

function sentimentOf({ score, judge, curve, speakers }: SentimentBody): Sentiment {
  const moods = [{ speaker: null, curve }, ...speakers].flatMap(({ speaker, curve }) =>
    curve.map(([at, value]) => ({ at, value, speaker })),
  );
  return {
    call: score,
    speakers: speakers.flatMap(({ speaker, score }): [string, number][] =>
      score === null ? [] : [[speaker, score]],
    ),
    curve: moods.sort((a, b) => a.at - b.at),
    judge,
  };
}

function leadOf({ score, base, calibrated, probability, fired, unjudged }: LeadBody): Lead {
  const reasons = fired.map(({ times, ...reason }) => {
    return { ...reason, times: times.map(([start]) => start) };
  });
  return { score, base: base ?? null, calibrated, probability, reasons, unjudged };
}
