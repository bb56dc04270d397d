import { bodyOf, listOf, numberOf, textOf } from "../worth/reading";
import type { Measure, Split } from "./range";

/** What is added up: seconds of audio and of computing, a language model's tokens, and what it cost. */
export interface Sums {
  audio_s: number;
  compute_s: number;
  cost: number;
  /** Calls whose audio is in it, each once for every pass. */
  passes: number;
  attempts: number;
  tokens_in: number;
  tokens_out: number;
}

/** One day's sums of one pass or engine. */
export interface Line extends Sums {
  day: string;
  name: string;
}

/** A page of `GET /v1/usage`. */
export interface UsagePage {
  currency: string;
  lines: Line[];
  total: Sums;
  cursor: string | null;
}

/** Whether it is work that attempts have done besides, as enrichment is: it has no call of its own. */
export function isPart({ passes, attempts }: Sums): boolean {
  return passes === 0 && attempts === 0;
}

export function pageOf(answer: unknown, split: Split): UsagePage {
  const body = bodyOf(answer);
  const lines = listOf(body["rows"]).flatMap((value): Line[] => {
    const row = bodyOf(value);
    const day = textOf(row["day"]);
    return day === null ? [] : [{ day, name: textOf(row[split]) ?? "not known", ...sumsOf(row) }];
  });
  const currency = textOf(body["currency"]) ?? "";
  return { currency, lines, total: sumsOf(body["total"]), cursor: textOf(body["cursor"]) };
}

function sumsOf(value: unknown): Sums {
  const body = bodyOf(value);
  const sum = (name: keyof Sums) => numberOf(body[name]) ?? 0;
  return {
    ...{ audio_s: sum("audio_s"), compute_s: sum("compute_s"), cost: sum("cost") },
    ...{ passes: sum("passes"), attempts: sum("attempts") },
    ...{ tokens_in: sum("tokens_in"), tokens_out: sum("tokens_out") },
  };
}

/** What is drawn in one colour, and its sum over all days. */
export interface Series {
  name: string;
  total: number;
}

const MOST_SERIES = 7;
export const OTHERS = "others";

/** The largest first; where there are more than can be told apart, the rest is one. */
export function seriesOf(lines: readonly Line[], measure: Measure): Series[] {
  const totals = new Map<string, number>();
  for (const line of lines) totals.set(line.name, (totals.get(line.name) ?? 0) + line[measure]);
  const all = [...totals].map(([name, total]) => ({ name, total }));
  all.sort((a, b) => b.total - a.total || a.name.localeCompare(b.name));
  if (all.length <= MOST_SERIES + 1) return all;
  const rest = all.slice(MOST_SERIES).reduce((sum, { total }) => sum + total, 0);
  return [...all.slice(0, MOST_SERIES), { name: OTHERS, total: rest }];
}

/** For each day the values of the series, in their order. */
export function stacksOf(
  lines: readonly Line[],
  days: readonly string[],
  series: readonly Series[],
  measure: Measure,
): number[][] {
  const column = new Map(days.map((day, at) => [day, at]));
  const place = new Map(series.map(({ name }, at) => [name, at]));
  const stacks = days.map(() => series.map(() => 0));
  for (const line of lines) {
    const stack = stacks[column.get(line.day) ?? -1];
    const at = place.get(line.name) ?? place.get(OTHERS);
    if (stack && at !== undefined) stack[at] = (stack[at] ?? 0) + line[measure];
  }
  return stacks;
}

/** Days from the last on, each with its lines, the largest first. */
export function byDay(lines: readonly Line[], measure: Measure): [string, Line[]][] {
  const days = new Map<string, Line[]>();
  for (const line of lines) days.set(line.day, [...(days.get(line.day) ?? []), line]);
  return [...days]
    .sort(([a], [b]) => (a < b ? 1 : -1))
    .map(([day, of]) => [day, of.sort((a, b) => b[measure] - a[measure])]);
}

/** Days that have a bar together: each its own, or seven where there are too many to be seen. */
export function gathered(stacks: readonly number[][], size: number): number[][] {
  const bars: number[][] = [];
  stacks.forEach((stack, day) => {
    const at = Math.floor(day / size);
    const bar = bars[at] ?? stack.map(() => 0);
    bars[at] = bar.map((value, index) => value + (stack[index] ?? 0));
  });
  return bars;
}
