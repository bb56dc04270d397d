import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Caption } from "../api/events";
import { asProblem, callPath, get } from "../api/http";
import { ApiError } from "../api/problem";
import { Since } from "../api/since";
import type { Call } from "../api/types";
import { openFile } from "../audio/file";
import { openMicrophone } from "../audio/microphone";
import { soundError } from "../audio/problems";
import type { AudioSource, End, OnAudio } from "../audio/source";
import { Joiner } from "../transcript/joining";
import type { Rows } from "../transcript/rows";
import { hush } from "../ui/announcer";
import { runningCall } from "../ui/running-call";
import { Alerts, joinedAlerts, ToldAlerts } from "./alerts";
import { type CallFormat, LiveCall } from "./call";
import { Captions } from "./captions";
import { SecondTelling } from "./second-telling";
import { tellingRows } from "./telling-rows";
import { Told } from "./told";

export interface Wish {
  deviceId?: string | undefined;
  channels: 1 | 2;
  language?: string | undefined;
  callId?: string | undefined;
}

/** What is one call for the server: all of a conversation, unless it was long without a server. */
export class Part {
  readonly captions = new Captions();
  readonly second = signal<SecondTelling | null>(null);
  readonly rows = tellingRows(this.captions, this.second);
  readonly alerts = new Alerts();

  /** `from`: seconds of the conversation at which it begins. */
  constructor(readonly from: number) {}

  heard(caption: Caption): void {
    this.captions.heard(caption);
    if (caption.type === "alert") this.alerts.heard(caption);
  }
}

/** A call of this page, from its first sound to its canonical transcript. */
export class Conversation {
  readonly started = new Since();
  readonly source = signal<AudioSource | null>(null);
  readonly call = signal<LiveCall | null>(null);
  readonly parts = signal<readonly Part[]>([new Part(0)]);
  readonly part: ReadonlySignal<Part> = computed(() => this.parts.value.at(-1) as Part);
  readonly second = computed(() => this.part.value.second.value);
  /** The second tellings of what this call was before, where it had to go on under another id. */
  readonly earlier = computed(() =>
    this.parts.value.slice(0, -1).flatMap(({ second }) => second.value ?? []),
  );
  readonly channels = computed(
    () => this.call.value?.format.channels ?? this.part.value.captions.channels.value,
  );
  /** The device is gone; the call waits for another one. */
  readonly unplugged = signal(false);
  /** A microphone or a file is being opened. */
  readonly opening = signal(false);
  /** No more sound can be kept while the server is away. */
  readonly full = signal(false);
  /** What the reader's screen reader was told. */
  readonly told = new Told();
  readonly alerts = computed(() =>
    joinedAlerts(this.parts.value.map(({ alerts, from }) => ({ alerts: alerts.list.value, from }))),
  );
  readonly toldAlerts = new ToldAlerts();
  /** What went wrong with the sound. */
  readonly problem = signal<ApiError | null>(null);
  /** The draft while people speak, then the canonical transcript. */
  readonly rows: ReadonlySignal<Rows> = computed(() =>
    this.joiner.join(this.parts.value.map(({ rows, from }) => ({ rows: rows.value, from }))),
  );
  private readonly joiner = new Joiner();
  /** Whose sound counts: of a source that another has taken the place of, nothing does. */
  private turn: object | null = null;
  private stopped = false;

  constructor(readonly wish: Wish) {}

  /** Take a microphone; in a running call, in the place of the one that is gone. Throws ApiError. */
  listen(deviceId?: string): Promise<void> {
    const channels = this.call.peek()?.format.channels ?? this.wish.channels;
    return this.open((onAudio) => openMicrophone({ deviceId, channels }, onAudio));
  }

  /** Throws ApiError. */
  play(file: File, audible: boolean): Promise<void> {
    return this.open((onAudio) => openFile(file, audible, onAudio));
  }

  stop(): void {
    this.stopped = true;
    const source = this.source.peek();
    const call = this.call.peek();
    if (source && !this.unplugged.peek()) source.stop();
    else if (call) call.stop();
    else this.giveUp();
  }

  close(): void {
    for (const { second } of this.parts.peek()) second.peek()?.close();
  }

  private async open(opened: (onAudio: OnAudio) => Promise<AudioSource>): Promise<void> {
    if (this.opening.peek()) return;
    const turn = {};
    this.turn = turn;
    this.opening.value = true;
    this.problem.value = null;
    try {
      const source = await opened((...audio) => this.turn === turn && this.hear(...audio));
      if (this.turn !== turn || this.stopped) {
        source.stop(); // the call has ended while the browser asked
        return;
      }
      this.source.value = source;
      this.unplugged.value = false;
      source.ended.then((end) => this.turn === turn && this.ended(end));
    } finally {
      this.opening.value = false;
    }
  }

  /** The call begins with its first sound: only then is it known how many channels there are. */
  private hear(...[pcm, channels, sampleRate]: Parameters<OnAudio>): void {
    const { language, callId } = this.wish;
    const call = this.call.peek() ?? this.begun({ channels, sampleRate, language, callId });
    const { format } = call;
    if (format.sampleRate !== sampleRate) this.refuse(soundError("rate_changed"));
    else if (format.channels !== channels) this.refuse(soundError("channels_changed"));
    else if (!call.send(pcm)) {
      this.full.value = true;
      this.source.peek()?.stop();
    }
  }

  /** Another microphone is needed: this one does not fit the call. */
  private refuse(error: ApiError): void {
    this.problem.value = error;
    this.release();
    this.unplugged.value = true;
  }

  private release(): void {
    this.turn = null;
    this.source.peek()?.stop();
  }

  private begun(format: CallFormat): LiveCall {
    const call = new LiveCall(format, {
      caption: (caption) => this.part.peek().heard(caption),
      continued: (from, heldS) => this.goOn(from, heldS),
    });
    this.call.value = call;
    const unsubscribe = call.state.subscribe((state) => {
      const over = state === "over" || state === "failed";
      runningCall.value = !over;
      if (!over) return;
      this.release();
      if (state === "over") this.tellAgain(call.callId.peek());
      queueMicrotask(() => unsubscribe());
    });
    return call;
  }

  private goOn(from: string, heldS: number): void {
    this.tellAgain(from);
    this.parts.value = [...this.parts.peek(), new Part(this.part.peek().from + heldS)];
  }

  private tellAgain(callId: string): void {
    this.part.peek().second.value = new SecondTelling(callId);
  }

  private ended(end: End): void {
    const call = this.call.peek();
    if (end === "broken") this.problem.value = soundError("broken");
    if (end === "unplugged" && !this.stopped) this.unplugged.value = true;
    else if (call) call.stop();
    else this.giveUp();
  }

  /** The source has ended without a sound. */
  private giveUp(): void {
    if (!this.stopped) problem.value = this.problem.peek() ?? soundError("silent");
    if (conversation.peek() === this) conversation.value = null;
  }
}

/** The conversation on the page; it goes on while other views are looked at. */
export const conversation = signal<Conversation | null>(null);
/** Why none could begin. */
export const problem = signal<ApiError | null>(null);
/** Whether a microphone or a file is being opened. */
export const opening = signal(false);

export async function begin(wish: Wish, file?: File, audible = true): Promise<void> {
  if (opening.peek() || runningCall.peek()) return;
  const fresh = new Conversation(wish);
  problem.value = null;
  opening.value = true;
  try {
    if (wish.callId) await refuseTaken(wish.callId);
    if (file) await fresh.play(file, audible);
    else await fresh.listen(wish.deviceId);
    conversation.value = fresh;
  } catch (error) {
    problem.value = asProblem(error);
  } finally {
    opening.value = false;
  }
}

/** Before anybody says a word: a name is used once. Throws ApiError. */
async function refuseTaken(callId: string): Promise<void> {
  try {
    await get<Call>(callPath(callId));
  } catch (error) {
    const { code } = asProblem(error);
    if (code === "call_not_found" || code === "unreachable") return; // it is kept meanwhile
    if (code !== "call_deleted") throw error;
  }
  throw new ApiError({
    code: "name_taken",
    message: `There is, or was, a call of the name ${callId}.`,
    hint: "A name is used once: choose another one, or leave it empty.",
    retryable: true,
  });
}

export function clear(): void {
  hush();
  conversation.peek()?.close();
  conversation.value = null;
}

addEventListener("beforeunload", (event) => {
  if (runningCall.peek()) event.preventDefault();
});
