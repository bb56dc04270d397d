/* Runs on the audio thread: sound in, 16 bit PCM and levels out. It never waits, and goes on when
   the page's timers are slowed down, as in a tab in the background. */

declare const sampleRate: number;
declare function registerProcessor(name: string, processor: unknown): void;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}

const PIECE_S = 0.1;
const LEVELS_S = 0.05;

/** Interleaved samples of one or two channels, and the loudest of each channel since the last. */
export type Captured =
  | { type: "pcm"; pcm: Int16Array; channels: 1 | 2 }
  | { type: "levels"; levels: number[] }
  | { type: "flushed" };

class Capture extends AudioWorkletProcessor {
  private channels: 1 | 2 = 1;
  private piece = new Int16Array(0);
  private filled = 0;
  private levels: number[] = [];
  private measured = 0;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.give();
      this.port.postMessage({ type: "flushed" } satisfies Captured);
    };
  }

  process([input = []]: Float32Array[][]): boolean {
    const [left, right] = input;
    if (!left) return true; // nothing is connected, or the file is paused
    if (this.piece.length === 0) {
      // A call keeps the number of channels that it began with.
      this.channels = right ? 2 : 1;
      this.levels = Array.from({ length: this.channels }, () => 0);
      this.piece = new Int16Array(Math.round(PIECE_S * sampleRate) * this.channels);
    }
    const heard = this.channels === 2 ? [left, right ?? left] : [left];
    for (let frame = 0; frame < left.length; frame += 1) {
      for (const channel of heard) this.take(channel[frame] ?? 0);
      if (this.filled === this.piece.length) this.give();
    }
    this.measure(heard, left.length);
    return true;
  }

  private take(sample: number): void {
    this.piece[this.filled] = Math.max(-32768, Math.min(32767, Math.round(sample * 32767)));
    this.filled += 1;
  }

  private give(): void {
    if (this.filled === 0) return;
    const pcm = this.piece.slice(0, this.filled);
    this.filled = 0;
    const told: Captured = { type: "pcm", pcm, channels: this.channels };
    this.port.postMessage(told, [pcm.buffer]);
  }

  private measure(heard: Float32Array[], frames: number): void {
    this.levels = this.levels.map((level, at) => loudest(heard[at], level));
    this.measured += frames;
    if (this.measured < LEVELS_S * sampleRate) return;
    this.port.postMessage({ type: "levels", levels: this.levels } satisfies Captured);
    this.levels = this.levels.map(() => 0);
    this.measured = 0;
  }
}

function loudest(samples: Float32Array | undefined, least: number): number {
  let most = least;
  for (const sample of samples ?? []) most = Math.max(most, Math.abs(sample));
  return most;
}

registerProcessor("capture", Capture);
