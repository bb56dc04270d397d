import type { Table } from "../words/table";
import { NOBODY } from "../words/voices";
import type { Insights, Mood } from "./insights";
import { WIDTH } from "./lanes";
import { within } from "./reading";

const SAMPLES = 240;
const NEAR = 5; // samples on either side that a mean is taken of

/** How a call went, smoothed: values at even distances over its length. Null before
 * anybody spoke, and after that. */
export interface Course {
  lengthS: number;
  values: readonly (number | null)[];
}

/** What is drawn of it, for SVG: `WIDTH` wide; 0 is the best mood, 1 neither, 2 the worst. */
export interface CoursePaths {
  line: string;
  above: string;
  below: string;
}

/** All that is known of the mood: the curve as it is told, or what single segments have. */
export function moodsOf(table: Table, insights: Insights | null): readonly Mood[] {
  const told = insights?.sentiment?.curve ?? [];
  if (told.length > 0) return told;
  const { sentiment, start, end, speaker, speakers } = table.columns;
  const moods: Mood[] = [];
  for (let row = 0; row < table.length; row += 1) {
    const value = sentiment[row] ?? Number.NaN;
    if (Number.isNaN(value)) continue;
    const at = ((start[row] ?? 0) + (end[row] ?? 0)) / 2;
    moods.push({ at, value, speaker: speakers[speaker[row] ?? NOBODY] ?? null });
  }
  return moods;
}

/** Moods as one course; null where there are none. */
export function courseOf(moods: readonly Mood[], lengthS: number): Course | null {
  const ofAll = moods.filter(({ speaker }) => speaker === null);
  const points = ofAll.length > 0 ? ofAll : moods;
  if (points.length === 0 || !(lengthS > 0)) return null;
  return { lengthS, values: smoothed(joined(means(points, lengthS))) };
}

/** The mean of each short while; null where nobody spoke. */
function means(points: readonly Mood[], lengthS: number): (number | null)[] {
  const sums = new Float64Array(SAMPLES + 1);
  const counts = new Uint32Array(SAMPLES + 1);
  for (const { at, value } of points) {
    const sample = Math.round(SAMPLES * within(at / lengthS, 0, 1));
    sums[sample] = (sums[sample] ?? 0) + value;
    counts[sample] = (counts[sample] ?? 0) + 1;
  }
  return Array.from(counts, (count, at) => (count > 0 ? (sums[at] ?? 0) / count : null));
}

/** Between two moods a straight way from one to the other. */
function joined(values: readonly (number | null)[]): (number | null)[] {
  const result = [...values];
  let before: number | null = null;
  values.forEach((value, at) => {
    if (value === null) return;
    const from = before === null ? value : (values[before] ?? value);
    const steps = before === null ? 0 : at - before;
    for (let step = 1; step < steps; step += 1) {
      result[at - steps + step] = from + ((value - from) * step) / steps;
    }
    before = at;
  });
  return result;
}

/** A mean over what is near, the nearest counting most. */
function smoothed(values: readonly (number | null)[]): (number | null)[] {
  return values.map((value, at) => {
    if (value === null) return null;
    let [sum, weights] = [0, 0];
    for (let off = -NEAR; off <= NEAR; off += 1) {
      const near = values[at + off] ?? null;
      if (near === null) continue;
      const weight = NEAR + 1 - Math.abs(off);
      sum += weight * near;
      weights += weight;
    }
    return sum / weights;
  });
}

/** How it went at a second; null where nothing is known. */
export function moodAt({ values, lengthS }: Course, seconds: number): number | null {
  return values[Math.round((SAMPLES * seconds) / lengthS)] ?? null;
}

export function coursePaths({ values }: Course): CoursePaths {
  const known = values.flatMap((value, sample): [number, number][] =>
    value === null ? [] : [[(WIDTH * sample) / SAMPLES, value]],
  );
  const [left, right] = [known[0]?.[0] ?? 0, known.at(-1)?.[0] ?? 0];
  const drawn = (shown: (value: number) => number) =>
    known.map(([x, value]) => `${round(x)} ${round(1 - shown(value))}`).join("L");
  const filled = (shown: (value: number) => number) =>
    `M${round(left)} 1L${drawn(shown)}L${round(right)} 1Z`;
  return {
    line: `M${drawn((value) => value)}`,
    above: filled((value) => Math.max(0, value)),
    below: filled((value) => Math.min(0, value)),
  };
}

/** Single moods as dots, a path for each speaker; too many to be told apart are not drawn. */
export function dots(moods: readonly Mood[], lengthS: number, most = 400): Map<string, string> {
  const paths = new Map<string, string>();
  if (moods.length > most) return paths;
  for (const { at, value, speaker } of moods) {
    if (speaker === null) continue;
    const dot = `M${round((WIDTH * at) / lengthS)} ${round(1 - value)}h0`;
    paths.set(speaker, (paths.get(speaker) ?? "") + dot);
  }
  return paths;
}

function round(value: number): number {
  return Math.round(1000 * value) / 1000;
}
