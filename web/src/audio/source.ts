import type { ReadonlySignal, Signal } from "@preact/signals";

/** Interleaved samples of one or two channels, at a rate in Hz. */
export type OnAudio = (pcm: Int16Array, channels: 1 | 2, sampleRate: number) => void;

/** Why a source ended: it was stopped, its file is over or breaks off, its device is gone. */
export type End = "stopped" | "over" | "broken" | "unplugged";

export interface FileSource {
  /** Seconds played, and in all (NaN while unknown). */
  readonly position: ReadonlySignal<number>;
  readonly lengthS: number;
  readonly audible: Signal<boolean>;
}

/** Where sound comes from: a microphone, or a file played at its real speed. */
export interface AudioSource {
  readonly label: string;
  /** The loudest sample of each channel lately, 0 to 1; about twenty times a second. */
  readonly levels: ReadonlySignal<readonly number[]>;
  /** Settles once the source has ended and its last samples were given. */
  readonly ended: Promise<End>;
  /** Of a file: how far it is, and whether one hears it. */
  readonly file?: FileSource;
  stop(): void;
}
