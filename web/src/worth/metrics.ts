import type { MetricsBody, SpeakerMetricsBody } from "../api/types";
import { percent } from "../ui/format";

/** One line of what is shown: its name, and the value as people say it. */
export interface Line {
  name: string;
  words: string;
}

type Told<Measured> = (measured: Measured) => string | null;

const OF_CALL: readonly (readonly [string, Told<MetricsBody>])[] = [
  ["Silence", (of) => spanned(of.silence_s, of.silence_share)],
  ["Longest silence", (of) => span(of.longest_silence_s)],
  ["Both at once", (of) => span(of.talk_over_s)],
  ["On hold", (of) => held(of.hold_s, of.holds)],
  ["Turns", (of) => whole(of.turns)],
];

const OF_SPEAKER: readonly (readonly [string, Told<SpeakerMetricsBody>])[] = [
  ["Talk", (of) => spanned(of.talk_s, of.talk_share)],
  ["Words a minute", (of) => whole(of.words_per_minute)],
  ["Longest turn", (of) => span(of.longest_monologue_s)],
  ["Answers after", ({ response_median_s: median }) => (median === null ? null : span(median))],
  ["Interrupts", (of) => times(of.interruptions)],
  ["Questions", (of) => whole(of.questions)],
];

/** The whole call, line by line; what was not measured has none. */
export function callLines(call: MetricsBody): Line[] {
  return OF_CALL.flatMap(([name, told]) => {
    const words = told(call);
    return words === null ? [] : [{ name, words }];
  });
}

/** A row for each measure, a cell for each speaker. */
export function speakerRows({ speakers }: MetricsBody): { name: string; cells: string[] }[] {
  return OF_SPEAKER.flatMap(([name, told]) => {
    const cells = speakers.map(told);
    if (cells.every((cell) => cell === null)) return [];
    return [{ name, cells: cells.map((cell) => cell ?? "–") }];
  });
}

/** Seconds as people say them: "0.8 s", "42 s", "3 min 5 s", "1 h 2 min". */
export function span(seconds: number): string {
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  const rounded = Math.round(seconds);
  if (rounded < 60) return `${rounded} s`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return rounded % 60 ? `${minutes} min ${rounded % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

function spanned(seconds: number, share: number): string {
  return `${percent(share)} · ${span(seconds)}`;
}

function held(seconds: number, count: number): string {
  return count === 0 ? "never" : `${span(seconds)}, ${times(count)}`;
}

function times(count: number): string {
  return count === 0 ? "never" : count === 1 ? "once" : `${count} times`;
}

function whole(value: number | null): string | null {
  return value === null ? null : String(Math.round(value));
}
