import type { Roles } from "../words/voices";
import { type Metrics, metricsOf } from "./metrics";
import { type Body, bodyOf, listOf, numberOf, numbersOf, textOf, within } from "./reading";
import { type Topic, topicsOf } from "./topics";

/** Something that was removed: its kind, when (seconds) and by whom it was said; no value. */
export interface Removed {
  kind: string;
  start: number;
  end: number;
  channel: number;
  speaker: string | null;
}

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
  method: string | null;
}

/** What counted for the score, or against it, and when. */
export interface Reason {
  rule: string;
  points: number | null;
  times: readonly number[];
  /** What was measured, where that is the reason. */
  value: number | string | null;
}

export interface Lead {
  score: number;
  calibrated: boolean;
  /** Of a good outcome, 0 to 1, once the rubric is calibrated. */
  probability: number | null;
  reasons: readonly Reason[];
  /** Rules of which nobody can say whether they hold. */
  unjudged: readonly string[];
}

/** What is known of a call besides its words; any part may be missing. */
export interface Insights {
  /** A role for each speaker that has one. */
  roles: Roles;
  /** How speakers were told apart. */
  method: string | null;
  removed: readonly Removed[];
  counts: readonly (readonly [string, number])[];
  sentiment: Sentiment | null;
  metrics: Metrics | null;
  topics: readonly Topic[];
  /** Rules about somebody whom nothing in the transcript names. */
  unjudged: readonly string[];
  lead: Lead | null;
  leftOut: readonly { stage: string; code: string }[];
}

/** `GET /v1/calls/{id}/insights`, whatever of it is there. */
export function insightsOf(answer: unknown): Insights {
  const body = bodyOf(answer);
  const speakers = bodyOf(body["speakers"]);
  const removed = listOf(body["removed"]).flatMap(removedOf);
  return {
    roles: rolesOf(speakers["roles"]),
    method: textOf(speakers["method"]),
    removed,
    counts: countsOf(body["removed_counts"], removed),
    sentiment: sentimentOf(body["sentiment"]),
    metrics: metricsOf(body["metrics"]),
    topics: topicsOf(body["categories"] ?? body["rules"], body["matches"]),
    unjudged: listOf(bodyOf(body["rules"])["unjudged"]).flatMap(ruleOf),
    lead: leadOf(body["lead"]),
    leftOut: listOf(body["failed_stages"]).flatMap((each) => {
      const stage = textOf(bodyOf(each)["stage"]);
      return stage === null ? [] : [{ stage, code: textOf(bodyOf(each)["code"]) ?? "" }];
    }),
  };
}

/** Whether there is anything to show of it. */
export function isEmpty(insights: Insights): boolean {
  const { sentiment, metrics, lead, topics, counts, leftOut } = insights;
  return !sentiment && !metrics && !lead && [topics, counts, leftOut].every((list) => !list.length);
}

function rolesOf(value: unknown): Record<string, string> {
  const roles = Object.entries(bodyOf(value)).flatMap(([speaker, role]): [string, string][] => {
    const name = textOf(role);
    return name === null ? [] : [[speaker, name]];
  });
  return Object.fromEntries(roles);
}

function removedOf(value: unknown): Removed[] {
  const body = bodyOf(value);
  const [kind, start] = [textOf(body["kind"]), numberOf(body["start"])];
  if (kind === null || start === null) return [];
  const end = Math.max(start, numberOf(body["end"]) ?? start);
  const channel = numberOf(body["channel"]) ?? 0;
  return [{ kind, start, end, channel, speaker: textOf(body["speaker"]) }];
}

/** As they were counted; else as many as are told one by one. The most frequent ones first. */
function countsOf(value: unknown, removed: readonly Removed[]): [string, number][] {
  const told = numbersOf(value);
  const counts = new Map<string, number>(told);
  if (told.length === 0) {
    for (const { kind } of removed) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return [...counts].filter(([, count]) => count > 0).sort((a, b) => b[1] - a[1]);
}

function sentimentOf(value: unknown): Sentiment | null {
  const body = bodyOf(value);
  const call = numberOf(body["call"] ?? body["score"]);
  const each = listOf(body["speakers"]).map(bodyOf);
  const listed = each.flatMap(({ speaker, score }): [string, number][] => {
    const [name, mood] = [textOf(speaker), numberOf(score)];
    return name === null || mood === null ? [] : [[name, mood]];
  });
  const speakers = [...numbersOf(body["speakers"]), ...listed];
  const curve = [
    ...listOf(body["curve"]).flatMap((point) => moodOf(point, null)),
    ...each.flatMap((of) => listOf(of["curve"]).flatMap((at) => moodOf(at, textOf(of["speaker"])))),
  ].sort((a, b) => a.at - b.at);
  if (call === null && speakers.length === 0 && curve.length === 0) return null;
  return {
    call: call === null ? null : mooded(call),
    speakers: speakers.map(([name, mood]) => [name, mooded(mood)] as const),
    curve,
    method: textOf(body["method"] ?? body["judge"]),
  };
}

function moodOf(value: unknown, whose: string | null): Mood[] {
  const body: Body = Array.isArray(value) ? { at: value[0], value: value[1] } : bodyOf(value);
  const [at, mood] = [numberOf(body["at"]), numberOf(body["value"] ?? body["score"])];
  if (at === null || mood === null) return [];
  return [{ at, value: mooded(mood), speaker: textOf(body["speaker"]) ?? whose }];
}

function mooded(value: number): number {
  return within(value, -1, 1);
}

function leadOf(value: unknown): Lead | null {
  const body = bodyOf(value);
  const score = numberOf(body["score"]);
  if (score === null) return null;
  return {
    score: within(score, 0, 100),
    calibrated: body["calibrated"] === true,
    probability: numberOf(body["probability"]),
    reasons: listOf(body["reasons"] ?? body["fired"]).flatMap(reasonOf),
    unjudged: listOf(body["unjudged"]).flatMap(ruleOf),
  };
}

/** A rule's name; of (category, rule) the latter. */
function ruleOf(value: unknown): string[] {
  return [textOf(Array.isArray(value) ? value.at(-1) : value) ?? []].flat();
}

function reasonOf(value: unknown): Reason[] {
  if (typeof value === "string") return [{ rule: value, points: null, times: [], value: null }];
  const body = bodyOf(value);
  const rule = textOf(body["rule"]) ?? textOf(body["name"]) ?? textOf(body["reason"]);
  if (rule === null) return [];
  const points = numberOf(body["points"]) ?? numberOf(body["weight"]);
  const measured = numberOf(body["value"]) ?? textOf(body["value"]);
  return [{ rule, points, times: timesOf(body), value: measured }];
}

/** When it was said: as seconds, or as places that begin then. */
function timesOf(body: Body): number[] {
  const told = body["times"] ?? body["at"] ?? body["matches"] ?? body["places"] ?? body["start"];
  const places = Array.isArray(told) ? told : [told];
  return places.flatMap((place) => {
    const at =
      numberOf(Array.isArray(place) ? place[0] : place) ?? numberOf(bodyOf(place)["start"]);
    return at === null ? [] : [at];
  });
}
