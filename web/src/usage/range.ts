import { link } from "../router";

export const SPANS = ["month", "30", "custom"] as const;
export type Span = (typeof SPANS)[number];
export const SPLITS = ["pass", "engine"] as const;
export type Split = (typeof SPLITS)[number];
export const MEASURES = ["audio_s", "compute_s", "cost"] as const;
export type Measure = (typeof MEASURES)[number];

/** More than a year at once is not asked for. */
export const MOST_DAYS = 366;
const DAY_MS = 86_400_000;

/** What is shown, as it stands in the address. Days are UTC's, `YYYY-MM-DD`; both count. */
export interface Wish {
  span: Span;
  from: string;
  to: string;
  split: Split;
  measure: Measure;
}

export function wishOf(query: URLSearchParams, now = new Date()): Wish {
  const span = SPANS.find((each) => each === query.get("span")) ?? "month";
  const [from, to] = rangeOf(span, query, dayOf(now));
  const split = SPLITS.find((each) => each === query.get("by")) ?? "pass";
  const measure = MEASURES.find((each) => each === query.get("show")) ?? "audio_s";
  return { span, from, to, split, measure };
}

export function wishLink({ span, from, to, split, measure }: Wish): string {
  const days = span === "custom" ? { from, to } : {};
  return link("usage", { span, ...days, by: split, show: measure });
}

function rangeOf(span: Span, query: URLSearchParams, today: string): [string, string] {
  if (span === "month") return [`${today.slice(0, 8)}01`, today];
  if (span === "30") return [plusDays(today, -29), today];
  const days = [query.get("from"), query.get("to")].map((day) => (isDay(day) ? day : today));
  const [from = today, to = today] = days.sort();
  const [, begin = from] = [from, plusDays(to, 1 - MOST_DAYS)].sort();
  return [begin, to];
}

function isDay(text: string | null): text is string {
  return text !== null && /^\d{4}-\d{2}-\d{2}$/.test(text) && !Number.isNaN(Date.parse(text));
}

export function dayOf(date: Date): string {
  return date.toISOString().slice(0, 10);
}

export function plusDays(day: string, days: number): string {
  return dayOf(new Date(Date.parse(day) + days * DAY_MS));
}

/** Every day from one to another, both included. */
export function daysBetween(from: string, to: string): string[] {
  const count = Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
  return Array.from({ length: Math.max(0, count) }, (_, at) => plusDays(from, at));
}

type DayParts = "weekday" | "year";

/** A day as people write it; it is UTC's wherever the reader is. */
export function dayWords(day: string, ...also: DayParts[]): string {
  return new Date(Date.parse(day)).toLocaleDateString(undefined, {
    ...(also.includes("weekday") ? { weekday: "short" as const } : {}),
    ...(also.includes("year") ? { year: "numeric" as const } : {}),
    ...{ day: "numeric", month: "short", timeZone: "UTC" },
  });
}
