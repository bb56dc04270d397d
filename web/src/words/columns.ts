import type { Segment } from "../api/types";
import { kindIn } from "./removed";

/** A word's mark in `Columns.marks`. */
export const SAME = 0;
export const ADDED = 1;
export const REMOVED = 2;

/**
 * A transcript in columns: 100,000 words weigh 3 MB in a few buffers, which cross from a worker
 * without being copied, where as many objects would take a third of a second.
 * Segments in reading order; times in seconds of the recording's clock.
 */
export interface Columns {
  version: string;
  revision: string;
  channel: Uint8Array;
  /** Index into `speakers`, -1 for none. */
  speaker: Int16Array;
  speakers: string[];
  start: Float64Array;
  end: Float64Array;
  flags: Uint8Array;
  /** From -1 to 1; NaN where it was not judged. */
  sentiment: Float32Array;
  /** Of n + 1: words of segment i are `firstWord[i]` to `firstWord[i + 1]`. */
  firstWord: Uint32Array;
  wordStart: Float32Array;
  wordEnd: Float32Array;
  /** NaN where the engine did not say. */
  probability: Float32Array;
  marks: Uint8Array;
  /** 1 + index into `kinds` of what was removed there; 0 for a word that was said. */
  redacted: Uint8Array;
  kinds: string[];
  /** All words, each followed by a space; word j is `textAt[j]` to `textAt[j + 1] - 1`. */
  text: string;
  textAt: Uint32Array;
  /** The same, folded for searching and comparing. */
  folded: string;
  foldedAt: Uint32Array;
  /** The longest segment, in seconds: how far back one that still sounds may begin. */
  longest: number;
}

export const SPACED = 1;
export const FAILED = 2;
const MOST_KINDS = 254;

export interface TimedWord {
  text: string;
  start: number;
  end: number;
  probability?: number | null | undefined;
  mark?: number;
  /** The kind of personal data that stood here. */
  redacted?: string | null | undefined;
}

export interface TimedSegment {
  channel: number;
  speaker: string | null;
  start: number;
  end: number;
  spaced: boolean;
  failed: boolean;
  sentiment?: number | null | undefined;
  words: TimedWord[];
}

/** A segment as the API gives it. One without word times has them spread over its length. */
export function segmentOf(body: Segment): TimedSegment {
  const { channel, speaker, start, end, text, sentiment, failed = false } = body;
  const words: TimedWord[] = body.words.length > 0 ? body.words : spread(text, start, end);
  const spaced = words.length < 2 || /\s/.test(text.trim());
  return { channel, speaker, start, end, spaced, failed, sentiment, words };
}

function spread(text: string, start: number, end: number): TimedWord[] {
  const words = text.split(/\s+/).filter(Boolean);
  const step = (end - start) / Math.max(1, words.length);
  return words.map((word, at) => ({
    text: word,
    start: start + at * step,
    end: start + (at + 1) * step,
    redacted: kindIn(word),
  }));
}

const MARKS = /\p{M}/gu;
const EDGES = /^[\p{P}\p{S}]+|[\p{P}\p{S}]+$/gu;

/** A word as it is searched and compared: without case, accents and the punctuation around it. */
export function fold(word: string): string {
  const bare = word.normalize("NFKD").replace(MARKS, "").toLowerCase();
  return bare.replace(EDGES, "") || bare;
}

export function columnsOf(
  segments: readonly TimedSegment[],
  version: string,
  revision: string,
): Columns {
  const words = segments.flatMap((segment) => segment.words);
  const speakers = [...new Set(segments.flatMap(({ speaker }) => (speaker ? [speaker] : [])))];
  const kinds = [...new Set(words.flatMap(({ redacted }) => redacted || []))].slice(0, MOST_KINDS);
  const [text, textAt] = joined(words.map((word) => word.text));
  const [folded, foldedAt] = joined(words.map((word) => fold(word.text)));
  const longest = segments.reduce((most, { start, end }) => Math.max(most, end - start), 0);
  return {
    ...{ version, revision, speakers, kinds, text, textAt, folded, foldedAt, longest },
    channel: Uint8Array.from(segments, ({ channel }) => channel),
    speaker: Int16Array.from(segments, ({ speaker }) => speakers.indexOf(speaker ?? "")),
    start: Float64Array.from(segments, ({ start }) => start),
    end: Float64Array.from(segments, ({ end }) => end),
    flags: Uint8Array.from(segments, (at) => (at.spaced ? SPACED : 0) | (at.failed ? FAILED : 0)),
    sentiment: Float32Array.from(segments, ({ sentiment }) => sentiment ?? Number.NaN),
    firstWord: counted(segments),
    wordStart: Float32Array.from(words, ({ start }) => start),
    wordEnd: Float32Array.from(words, ({ end }) => end),
    probability: Float32Array.from(words, ({ probability }) => probability ?? Number.NaN),
    marks: Uint8Array.from(words, ({ mark }) => mark ?? SAME),
    redacted: Uint8Array.from(words, ({ redacted }) => 1 + kinds.indexOf(redacted ?? "")),
  };
}

/** The buffers of a transcript, to be handed over rather than copied. */
export function buffersOf(columns: Columns): ArrayBuffer[] {
  const values: unknown[] = Object.values(columns);
  return values.flatMap((value) =>
    ArrayBuffer.isView(value) ? [value.buffer as ArrayBuffer] : [],
  );
}

export function wordText(columns: Columns, word: number): string {
  return columns.text.slice(columns.textAt[word], (columns.textAt[word + 1] ?? 0) - 1);
}

export function foldedText(columns: Columns, word: number): string {
  return columns.folded.slice(columns.foldedAt[word], (columns.foldedAt[word + 1] ?? 0) - 1);
}

/** A segment as it was before it was laid into columns. */
export function segmentAt(columns: Columns, index: number): TimedSegment {
  const words: TimedWord[] = [];
  const last = columns.firstWord[index + 1] ?? 0;
  for (let word = columns.firstWord[index] ?? 0; word < last; word += 1) {
    const probability = columns.probability[word] ?? Number.NaN;
    words.push({
      text: wordText(columns, word),
      start: columns.wordStart[word] ?? 0,
      end: columns.wordEnd[word] ?? 0,
      probability: Number.isNaN(probability) ? null : probability,
      mark: columns.marks[word] ?? SAME,
      redacted: columns.kinds[(columns.redacted[word] ?? 0) - 1] ?? null,
    });
  }
  const flags = columns.flags[index] ?? 0;
  const sentiment = columns.sentiment[index] ?? Number.NaN;
  return {
    channel: columns.channel[index] ?? 0,
    speaker: columns.speakers[columns.speaker[index] ?? -1] ?? null,
    start: columns.start[index] ?? 0,
    end: columns.end[index] ?? 0,
    spaced: (flags & SPACED) !== 0,
    failed: (flags & FAILED) !== 0,
    sentiment: Number.isNaN(sentiment) ? null : sentiment,
    words,
  };
}

function joined(words: readonly string[]): [string, Uint32Array] {
  const at = new Uint32Array(words.length + 1);
  words.forEach((word, index) => {
    at[index + 1] = (at[index] ?? 0) + word.length + 1;
  });
  return [words.length > 0 ? `${words.join(" ")} ` : "", at];
}

function counted(segments: readonly TimedSegment[]): Uint32Array {
  const first = new Uint32Array(segments.length + 1);
  segments.forEach(({ words }, index) => {
    first[index + 1] = (first[index] ?? 0) + words.length;
  });
  return first;
}
