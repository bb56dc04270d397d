import type { Table } from "../words/table";
import { NOBODY, nameOf } from "../words/voices";
import type { Insights, Removed } from "./insights";

/** What is drawn is so wide, and lanes are 1 high; the page stretches it. */
export const WIDTH = 1600;
const LEAST = 3; // what is shorter would not be seen

/** Somebody's speech over the call's time. Paths are for SVG, `WIDTH` wide and 1 high. */
export interface Lane {
  name: string;
  voice: number;
  /** Of all speakers' talk, 0 to 1. */
  share: number;
  talk: string;
  removed: string;
}

type Bar = [number, number];

interface Talker {
  speaker: string | null;
  channel: number;
  voice: number;
  seconds: number;
  bars: Bar[];
  removed: Bar[];
}

/** A lane for each speaker, in the order of their colours; who was not told apart comes last. */
export function lanesOf(
  table: Table,
  lengthS: number,
  channels: number,
  insights: Insights | null,
): Lane[] {
  if (!(lengthS > 0)) return [];
  const talkers = talkersOf(table, lengthS);
  for (const span of insights?.removed ?? removedIn(table)) {
    const whose = talkers.find((talker) => isOf(span, talker)) ?? talkers[0];
    if (whose) extend(whose.removed, span.start, span.end, lengthS, LEAST);
  }
  const all = talkers.reduce((sum, { seconds }) => sum + seconds, 0);
  return talkers
    .toSorted((a, b) => rank(a) - rank(b))
    .map((talker) => ({
      name: nameOf(talker, channels),
      voice: talker.voice,
      share: measured(talker.speaker, insights) ?? (all > 0 ? talker.seconds / all : 0),
      talk: path(talker.bars),
      removed: path(talker.removed),
    }));
}

function talkersOf(table: Table, lengthS: number): Talker[] {
  const { start, end, channel, speaker, speakers } = table.columns;
  const talkers = new Map<number, Talker>(); // by their index, or by their channel below it
  for (let row = 0; row < table.length; row += 1) {
    const [from, to] = [start[row] ?? 0, end[row] ?? 0];
    const where = channel[row] ?? 0;
    const index = speaker[row] ?? NOBODY;
    const key = index === NOBODY ? NOBODY - where : index;
    let talker = talkers.get(key);
    if (!talker) {
      const [who, voice] = [speakers[index] ?? null, table.voiceAt(row)];
      talker = { speaker: who, channel: where, voice, seconds: 0, bars: [], removed: [] };
      talkers.set(key, talker);
    }
    talker.seconds += to - from;
    extend(talker.bars, from, to, lengthS, 1);
  }
  return [...talkers.values()];
}

/** One bar more, or the last one longer where no gap could be seen between them. */
function extend(bars: Bar[], from: number, to: number, lengthS: number, least: number): void {
  const left = Math.min(WIDTH - least, Math.round((WIDTH * from) / lengthS));
  const right = Math.min(WIDTH, Math.max(left + least, Math.round((WIDTH * to) / lengthS)));
  const last = bars.at(-1);
  if (last && left <= last[1] && left >= last[0]) last[1] = Math.max(last[1], right);
  else bars.push([left, right]);
}

function path(bars: readonly Bar[]): string {
  return bars.map(([left, right]) => `M${left} 0H${right}V1H${left}Z`).join("");
}

function isOf({ speaker, channel }: Removed, talker: Talker): boolean {
  if (speaker !== null && talker.speaker !== null) return speaker === talker.speaker;
  return channel === talker.channel;
}

function rank({ voice }: Talker): number {
  return voice === NOBODY ? Number.MAX_SAFE_INTEGER : voice;
}

function measured(speaker: string | null, insights: Insights | null): number | undefined {
  if (speaker === null) return undefined;
  const found = insights?.metrics?.speakers.find((each) => each.speaker === speaker);
  return found?.talk_share;
}

/** What was removed, as the words tell it: of a draft nothing else is known. */
function removedIn(table: Table): Removed[] {
  const { redacted, kinds, wordStart, wordEnd, firstWord, channel, speaker, speakers } =
    table.columns;
  const found: Removed[] = [];
  let row = 0;
  for (let word = 0; word < redacted.length; word += 1) {
    while (word >= (firstWord[row + 1] ?? redacted.length)) row += 1;
    const kind = kinds[(redacted[word] ?? 0) - 1];
    if (kind === undefined) continue;
    found.push({
      kind,
      start: wordStart[word] ?? 0,
      end: wordEnd[word] ?? 0,
      channel: channel[row] ?? 0,
      speaker: speakers[speaker[row] ?? NOBODY] ?? null,
    });
  }
  return found;
}
