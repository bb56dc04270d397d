import { percent } from "../ui/format";
import { bodyOf, listOf, numberOf, numbersOf, textOf } from "./reading";

/** What was measured of one speaker, or of the whole call, by the API's names. */
export type Measured = Readonly<Partial<Record<string, number>>>;

export interface Metrics {
  call: Measured;
  speakers: readonly { speaker: string; measured: Measured }[];
}

export function metricsOf(value: unknown): Metrics | null {
  const body = bodyOf(value);
  const call = measuredOf(body);
  const speakers = listOf(body["speakers"]).flatMap((each) => {
    const speaker = textOf(bodyOf(each)["speaker"]);
    return speaker === null ? [] : [{ speaker, measured: measuredOf(each) }];
  });
  return Object.keys(call).length === 0 && speakers.length === 0 ? null : { call, speakers };
}

function measuredOf(value: unknown): Measured {
  return Object.fromEntries(numbersOf(value));
}

/** One line of what is shown: its name, and the value as people say it. */
export interface Line {
  name: string;
  words: string;
}

type Told = (measured: Measured) => string | null;

const OF_CALL: readonly (readonly [string, Told])[] = [
  ["Silence", (of) => spanned(of["silence_s"], of["silence_share"])],
  ["Longest silence", (of) => span(of["longest_silence_s"])],
  ["Both at once", (of) => span(of["talk_over_s"])],
  ["On hold", (of) => held(of["hold_s"], of["holds"])],
  ["Turns", (of) => whole(of["turns"])],
];

const OF_SPEAKER: readonly (readonly [string, Told])[] = [
  ["Talk", (of) => spanned(of["talk_s"], of["talk_share"])],
  ["Words a minute", (of) => whole(of["words_per_minute"])],
  ["Longest turn", (of) => span(of["longest_monologue_s"])],
  ["Answers after", (of) => span(of["response_median_s"])],
  ["Interrupts", (of) => times(of["interruptions"])],
  ["Questions", (of) => whole(of["questions"])],
];

/** The whole call, line by line; what was not measured has none. */
export function callLines({ call }: Metrics): Line[] {
  return OF_CALL.flatMap(([name, told]) => {
    const words = told(call);
    return words === null ? [] : [{ name, words }];
  });
}

/** A row for each measure, a cell for each speaker. */
export function speakerRows({ speakers }: Metrics): { name: string; cells: string[] }[] {
  return OF_SPEAKER.flatMap(([name, told]) => {
    const cells = speakers.map(({ measured }) => told(measured));
    if (cells.every((cell) => cell === null)) return [];
    return [{ name, cells: cells.map((cell) => cell ?? "–") }];
  });
}

/** Seconds as people say them: "0.8 s", "42 s", "3 min 5 s", "1 h 2 min". */
export function span(seconds: unknown): string | null {
  const known = numberOf(seconds);
  if (known === null) return null;
  if (known < 10) return `${known.toFixed(1)} s`;
  const rounded = Math.round(known);
  if (rounded < 60) return `${rounded} s`;
  const minutes = Math.floor(rounded / 60);
  if (minutes < 60) return rounded % 60 ? `${minutes} min ${rounded % 60} s` : `${minutes} min`;
  return minutes % 60 ? `${Math.floor(minutes / 60)} h ${minutes % 60} min` : `${minutes / 60} h`;
}

function spanned(seconds: unknown, share: unknown): string | null {
  const [long, part] = [span(seconds), numberOf(share)];
  return part === null ? long : [percent(part), long].filter(Boolean).join(" · ");
}

function held(seconds: unknown, count: unknown): string | null {
  if (numberOf(count) === 0) return "never";
  const [long, often] = [span(seconds), times(count)];
  return often === null ? long : [long, often].filter(Boolean).join(", ");
}

function times(count: unknown): string | null {
  const known = numberOf(count);
  if (known === null) return null;
  return known === 0 ? "never" : known === 1 ? "once" : `${known} times`;
}

function whole(value: unknown): string | null {
  const known = numberOf(value);
  return known === null ? null : String(Math.round(known));
}
