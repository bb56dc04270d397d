import { columnsOf, type TimedSegment, type TimedWord } from "../../src/words/columns";

/** Words one after another, half a second each. */
export function words(text: string, from: number): TimedWord[] {
  return text
    .split(" ")
    .filter(Boolean)
    .map((word, at) => ({ text: word, start: from + at / 2, end: from + at / 2 + 0.4 }));
}

export function segment(text: string, from: number, channel = 0): TimedSegment {
  const spoken = words(text, from);
  const end = spoken.at(-1)?.end ?? from;
  return { channel, speaker: null, start: from, end, spaced: true, failed: false, words: spoken };
}

export function columns(...segments: TimedSegment[]) {
  return columnsOf(segments, "canonical", "r1");
}
