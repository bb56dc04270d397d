import { type ReadonlySignal, signal } from "@preact/signals";
import type { Captured } from "./capture.worklet";
import workletAddress from "./capture.worklet.ts?worker&url";
import { soundError } from "./problems";
import type { OnAudio } from "./source";

/** Rates that the server takes as they are: docs/reference/live-protocol.md. */
const TAKEN = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000, 96000];

/** Throws where this browser has no AudioWorklet. */
export function soundContext(sampleRate?: number): AudioContext {
  if (typeof AudioContext === "undefined" || typeof AudioWorkletNode === "undefined") {
    throw soundError("no_worklet");
  }
  const context = new AudioContext({
    latencyHint: "interactive",
    ...(sampleRate ? { sampleRate } : {}),
  });
  if (!TAKEN.includes(context.sampleRate)) {
    void context.close();
    throw soundError("rate");
  }
  return context;
}

/** What is connected to `node` leaves as PCM. */
export class Capture {
  readonly levels: ReadonlySignal<readonly number[]>;
  private readonly heard = signal<readonly number[]>([]);
  private flushed = () => {};

  private constructor(
    readonly node: AudioWorkletNode,
    private readonly onAudio: OnAudio,
  ) {
    this.levels = this.heard;
    node.port.onmessage = ({ data }: MessageEvent<Captured>) => this.received(data);
  }

  static async on(context: AudioContext, onAudio: OnAudio): Promise<Capture> {
    await context.audioWorklet.addModule(workletAddress).catch(() => {
      throw soundError("no_worklet");
    });
    const node = new AudioWorkletNode(context, "capture");
    node.connect(context.destination); // silent; a node that leads nowhere may not be run
    return new Capture(node, onAudio);
  }

  /** Settles when all that was heard so far has been given. */
  flush(): Promise<void> {
    return new Promise((resolve) => {
      this.flushed = resolve;
      this.node.port.postMessage("flush");
    });
  }

  private received(captured: Captured): void {
    if (captured.type === "pcm") {
      this.onAudio(captured.pcm, captured.channels, this.node.context.sampleRate);
    } else if (captured.type === "levels") this.heard.value = captured.levels;
    else this.flushed();
  }
}
