import type { ReadonlySignal } from "@preact/signals";

/** How a word stands to the other telling: it is new in this one, or only in the one before. */
export type Mark = "added" | "removed";

/** A word with its times (seconds of the recording's clock) and how sure the engine was (0..1). */
export interface Word {
  text: string;
  start: number;
  end: number;
  probability: number | null;
  mark?: Mark;
  /** The kind of what was removed and had stood here. */
  redacted?: string | null;
}

/** In whose hand a row is written: still changing, the draft, or the canonical transcript. */
export type Hand = "partial" | "draft" | "canonical";

/** One utterance or segment, ready to be shown. A row that did not change is the same object. */
export interface Row {
  /** Stable: a partial, its final and what replaces it share the key, and so their place. */
  key: string;
  channel: number;
  speaker: string | null;
  /** Index of the speaker's colour; -1: of nobody who was told apart. */
  voice: number;
  start: number;
  end: number;
  hand: Hand;
  words: readonly Word[];
  /** Of a partial: so many first words stay as they are. */
  settled?: number;
  /** Whether the script sets spaces between words. */
  spaced: boolean;
  /** No engine could hear it; the second telling will. */
  failed: boolean;
}

/** Rows in reading order, fetched one by one: 100,000 words are never made at once. */
export interface Rows {
  /** What they come from: lists of one source differ in what was added or changed since. */
  readonly source: object;
  readonly length: number;
  at(index: number): Row;
  /** The row's key, without making the row: a list asks for thousands at once. */
  keyAt(index: number): string;
  /** How many letters it has, spaces included; as cheaply. */
  lettersAt(index: number): number;
  /** The last row that has begun at a second; 0 before the first. */
  rowAt(seconds: number): number;
}

/** A word by its row's index and its own index in the row. */
export interface Place {
  row: number;
  word: number;
}

export const NO_ROWS: Rows = {
  source: {},
  length: 0,
  at: none,
  keyAt: none,
  lettersAt: none,
  rowAt: () => 0,
};

function none(index: number): never {
  throw new RangeError(`there is no row ${index}`);
}

/** What <Transcript> takes. */
export interface TranscriptProps {
  rows: ReadonlySignal<Rows>;
  channels: number;
  /** A language tag, for screen readers and hyphens; "auto" and null: not known. */
  language?: string | null;
  /** One thread, or a column for each channel. */
  layout?: "thread" | "columns";
  /** The words that sound now. */
  sounding?: ReadonlySignal<readonly Place[]>;
  /** Words that a search found. */
  found?: ReadonlySignal<readonly Place[]>;
  /** The place that is brought into view. */
  shown?: ReadonlySignal<Place | null>;
  /** Keep what sounds, or what was said last, in view until the reader scrolls away. */
  following: "sound" | "end" | "none";
  /** Words below this probability are underlined; 0: none. */
  unsureBelow?: number;
  onWord?: (word: Word, row: Row) => void;
}
