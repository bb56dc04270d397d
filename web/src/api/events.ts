import type { Problem, Status, WordBody } from "./types";

/** What the server tells of a call while it runs: docs/reference/live-protocol.md. Seconds of audio. */
export interface SpeechStarted {
  type: "speech_started";
  channel: number;
  utterance: number;
  start: number;
}

export interface Partial {
  type: "partial";
  channel: number;
  utterance: number;
  start: number;
  end: number;
  text: string;
  /** So many first words will not change any more. */
  settled?: number;
}

export interface Final {
  type: "final";
  event: number;
  channel: number;
  utterance: number;
  start: number;
  end: number;
  text: string;
  words: WordBody[];
  failed?: boolean;
}

/** The utterance is over and came to nothing: its partials are void. */
export interface NoWords {
  type: "no_words";
  channel: number;
  utterance: number;
}

export interface Done {
  type: "done";
  call_id: string;
  event: number;
}

/** Where the canonical transcript stands; `done_s` of `total_s` are transcribed again. */
export interface StatusEvent {
  type: "status";
  call_id: string;
  status: Status;
  done_s: number;
  total_s: number;
}

/** A tenant's rule matched: what to do about it. `event` is the final's that it came with. */
export interface Alert {
  type: "alert";
  event: number;
  rule: string;
  category: string;
  suggestion: string;
  /** Seconds: when it was said, or was due. */
  at: number;
  /** Null where it is about what nobody said. */
  channel?: number | null;
}

export type Caption = SpeechStarted | Partial | Final | NoWords | Done | StatusEvent | Alert;

/** What only the call's own connection is told. */
export type LiveEvent =
  | { type: "ready"; call_id: string; session: string; next_seq: number }
  | { type: "ack"; seq: number }
  | { type: "lagging"; seconds: number }
  | { type: "gap"; at: number }
  | ({ type: "error" } & Problem)
  | Caption;
