import type { ReadonlySignal } from "@preact/signals";

/** A word with its times (seconds of the recording's clock) and how sure the engine was (0..1). */
export interface Word {
  text: string;
  start: number;
  end: number;
  probability: number | null;
}

/** In whose hand a row is written: still changing, the draft, or the canonical transcript. */
export type Hand = "partial" | "draft" | "canonical";

/** One utterance or segment, ready to be shown. A row that did not change is the same object. */
export interface Row {
  /** Stable: a partial, its final and what replaces it share the key, and so their place. */
  key: string;
  channel: number;
  speaker: string | null;
  start: number;
  end: number;
  hand: Hand;
  words: readonly Word[];
  /** No engine could hear it; the second telling will. */
  failed?: boolean;
  /** Indices of words that are not what the telling before had: marked for a moment. */
  changed?: ReadonlySet<number>;
}

/** Rows in reading order, fetched one by one: 100,000 words are never made at once. */
export interface Rows {
  readonly length: number;
  at(index: number): Row;
}

/** What <Transcript> takes; see transcript.tsx. */
export interface TranscriptProps {
  rows: ReadonlySignal<Rows>;
  channels: number;
  /** One thread, or a column for each channel. */
  layout: "thread" | "columns";
  /** Second of the recording that sounds now; null: nothing plays. */
  sounding?: ReadonlySignal<number | null>;
  /** Keep what sounds, or what was said last, in view until the reader scrolls away. */
  following: "sound" | "end" | "none";
  onWord?: (word: Word, row: Row) => void;
  /** What is written instead of rows when there are none. */
  empty?: string;
}
