import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { asProblem } from "../api/http";
import type { ApiError } from "../api/problem";
import { openFile, type PlayedFile } from "../audio/file";
import { openMicrophone } from "../audio/microphone";
import { soundError } from "../audio/problems";
import type { AudioSource, End, OnAudio } from "../audio/source";
import type { Rows } from "../transcript/rows";
import { runningCall } from "../ui/running-call";
import { type CallFormat, LiveCall } from "./call";
import { Captions } from "./captions";
import { SecondTelling } from "./second-telling";

export interface Wish {
  deviceId?: string | undefined;
  channels: 1 | 2;
  language?: string | undefined;
  callId?: string | undefined;
}

/** A call of this page, from its first sound to its canonical transcript. */
export class Conversation {
  readonly captions = new Captions();
  readonly startedAt = Date.now();
  readonly source = signal<AudioSource | PlayedFile | null>(null);
  readonly call = signal<LiveCall | null>(null);
  readonly second = signal<SecondTelling | null>(null);
  /** Ids of the calls that this one was before, where it had to go on under another. */
  readonly earlier = signal<string[]>([]);
  /** The device is gone; the call waits for another one. */
  readonly unplugged = signal(false);
  /** No more sound can be kept while the server is away. */
  readonly full = signal(false);
  /** The draft while people speak, then the canonical transcript. */
  readonly rows: ReadonlySignal<Rows> = computed(() => {
    const telling = this.second.value?.telling.value;
    return telling?.state === "done" ? telling.table : this.captions.rows.value;
  });

  constructor(readonly wish: Wish) {}

  async listen(deviceId?: string): Promise<void> {
    const channels = this.call.peek() ? this.captions.channels.peek() : this.wish.channels;
    const wish = { deviceId, channels: channels === 2 ? 2 : 1 } as const;
    this.begin(await openMicrophone(wish, this.hear));
  }

  async play(file: File, audible: boolean): Promise<void> {
    this.begin(await openFile(file, audible, this.hear));
  }

  stop(): void {
    const source = this.source.peek();
    if (source && !this.unplugged.peek()) source.stop();
    else this.call.peek()?.stop();
  }

  private begin(source: AudioSource): void {
    this.source.value = source;
    this.unplugged.value = false;
    source.ended.then((end) => this.ended(source, end));
  }

  /** The call begins with its first sound: only then is it known how many channels there are. */
  private readonly hear: OnAudio = (pcm, channels, sampleRate) => {
    const { language, callId } = this.wish;
    const call = this.call.peek() ?? this.opened({ channels, sampleRate, language, callId });
    const { format } = call;
    if (format.sampleRate !== sampleRate || format.channels !== channels) {
      problem.value = soundError("rate_changed");
      this.source.peek()?.stop();
      this.unplugged.value = true;
      return;
    }
    if (call.send(pcm)) return;
    this.full.value = true;
    this.source.peek()?.stop();
  };

  private opened(format: CallFormat): LiveCall {
    const call = new LiveCall(format, {
      caption: (caption) => this.captions.heard(caption),
      continued: (from) => {
        this.earlier.value = [...this.earlier.peek(), from];
        this.captions.goOn();
      },
    });
    this.call.value = call;
    const unsubscribe = call.state.subscribe((state) => {
      runningCall.value = state === "over" || state === "failed" ? null : { since: this.startedAt };
      if (state === "failed") this.source.peek()?.stop();
      if (state === "over") this.second.value = new SecondTelling(call.callId.peek());
      if (state === "over" || state === "failed") queueMicrotask(() => unsubscribe());
    });
    return call;
  }

  private ended(source: AudioSource, end: End): void {
    if (source !== this.source.peek()) return;
    if (end === "unplugged") this.unplugged.value = true;
    else if (!this.unplugged.peek()) this.call.peek()?.stop();
  }
}

/** The conversation on the page; it goes on while other views are looked at. */
export const conversation = signal<Conversation | null>(null);
export const problem = signal<ApiError | null>(null);
/** Whether a microphone or a file is being opened. */
export const opening = signal(false);

export async function begin(wish: Wish, file?: File, audible = true): Promise<void> {
  if (opening.peek()) return;
  const fresh = new Conversation(wish);
  problem.value = null;
  opening.value = true;
  try {
    if (file) await fresh.play(file, audible);
    else await fresh.listen(wish.deviceId);
    conversation.peek()?.second.peek()?.close();
    conversation.value = fresh;
  } catch (error) {
    problem.value = asProblem(error);
  } finally {
    opening.value = false;
  }
}

export function clear(): void {
  conversation.peek()?.second.peek()?.close();
  conversation.value = null;
}

addEventListener("beforeunload", (event) => {
  if (runningCall.peek()) event.preventDefault();
});
