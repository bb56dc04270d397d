import { computed, type ReadonlySignal, signal } from "@preact/signals";
import { continuedId, newCallId } from "../api/call-id";
import type { Caption, LiveEvent } from "../api/events";
import { address } from "../api/http";
import { askForKey, key } from "../api/key";
import { ApiError } from "../api/problem";
import { Since } from "../api/since";
import { MOST_KEPT_BYTES, Outbox } from "./outbox";
import { onReturn } from "./returning";

export type CallState = "connecting" | "live" | "away" | "stopping" | "over" | "failed";

export interface CallFormat {
  sampleRate: number;
  channels: 1 | 2;
  language?: string | undefined;
  callId?: string | undefined;
}

export interface CallHooks {
  caption(caption: Caption): void;
  /**
   * The server had closed the call (a sleeping laptop): it goes on under another id. `heldS`:
   * seconds of sound that the one before has.
   */
  continued(from: string, heldS: number): void;
}

const MOST_IN_FLIGHT_BYTES = 512 * 1024;
const MOST_KEPT_S = 3600; // what a new call may catch up with
const SILENCE_MS = 10_000; // a server that holds audio says so within a second
const WAITS_MS = [300, 700, 1500, 3000, 5000];
const ID_TAKEN = ["call_id_in_use", "call_id_used"];
const MOST_TAKEN_BACK = 3;

/**
 * One call on `GET /v1/live`, over as many connections as it takes: docs/reference/live-protocol.md.
 *
 * Audio is kept until it is acknowledged and sent again after a break; finals come once each, in
 * order. What has to happen again and again is driven by the audio itself, as the audio thread is
 * not slowed down in a tab that nobody looks at; timers only help.
 */
export class LiveCall {
  readonly state: ReadonlySignal<CallState>;
  readonly problem: ReadonlySignal<ApiError | null>;
  readonly callId: ReadonlySignal<string>;
  /** How far captions are behind the sound, as the server says; 0: not worth telling. */
  readonly lagS = signal(0);
  /** Seconds of audio that the server is not known to hold. */
  readonly keptS: ReadonlySignal<number>;
  /** When the connection broke; null while it stands. */
  readonly awaySince = signal<Since | null>(null);
  /** No more sound is taken: what is kept is sent, however long the server is away. */
  readonly ending: ReadonlySignal<boolean>;

  private readonly now = signal<CallState>("connecting");
  private readonly wrong = signal<ApiError | null>(null);
  private readonly id = signal("");
  private readonly keptBytes = signal(0);
  private readonly secondBytes: number;
  private outbox: Outbox;
  private socket: WebSocket | null = null;
  private session: string | null = null;
  private lastEvent = 0;
  private failures = 0;
  private taken = 0; // how often another connection has taken the call
  private left = new Since();
  private waitMs = 0;
  private heardAt = new Since();
  private shownKey: string | null = null;
  private ready = false;
  private readonly stopping = signal(false);
  private stopSent = false;
  /** Whether the id is one that was made up. */
  private made: boolean;
  /** The server takes no more sound into this call: only its last finals are waited for. */
  private draining = false;
  private readonly unwatch: () => void;

  constructor(
    readonly format: CallFormat,
    private readonly hooks: CallHooks,
  ) {
    this.made = !format.callId;
    this.id.value = format.callId ?? newCallId();
    this.state = this.now;
    this.problem = this.wrong;
    this.callId = this.id;
    this.ending = this.stopping;
    const second = 2 * format.channels * format.sampleRate;
    this.secondBytes = second;
    this.outbox = new Outbox(Math.min(MOST_KEPT_BYTES, MOST_KEPT_S * second));
    this.keptS = computed(() => this.keptBytes.value / second);
    const interval = setInterval(() => this.tick(), 1000);
    const unwatch = onReturn(() => {
      this.waitMs = 0;
      this.tick();
    });
    this.unwatch = () => {
      clearInterval(interval);
      unwatch();
    };
    this.connect();
  }

  /** Audio as it is spoken. False where the page can keep no more: nothing of it was taken. */
  send(pcm: Int16Array): boolean {
    if (this.isOver || this.stopping.peek()) return true;
    const taken = this.outbox.push(pcm);
    this.tick();
    return taken;
  }

  /** The call is over once all that is kept has been sent. */
  stop(): void {
    if (this.isOver) return;
    this.stopping.value = true;
    if (this.now.value === "live") this.now.value = "stopping";
    this.tick();
  }

  /** Wait no longer for a server that does not come back. What it holds it transcribes. */
  giveUp(): void {
    if (this.isOver) return;
    const rest = !this.outbox.isEmpty;
    this.wrong.value = new ApiError({
      code: "given_up",
      message: rest ? "Not all of the call was sent." : "The end of the call was not sent.",
      hint: this.isKnown ? "What the server has of it is transcribed when it is back." : "",
      retryable: false,
    });
    this.end("failed");
  }

  /** What the server does not hold, as WAV; null where it holds everything. */
  unsent(): Blob | null {
    if (this.outbox.isEmpty) return null;
    return this.outbox.toWav(this.format.sampleRate, this.format.channels);
  }

  /** Whether the server has a call of this id that is ours. */
  get isKnown(): boolean {
    return this.session !== null;
  }

  private get isOver(): boolean {
    return this.now.value === "over" || this.now.value === "failed";
  }

  /** What is due now. Called with every piece of audio, every message and by timers. */
  private tick(): void {
    this.keptBytes.value = this.outbox.keptBytes;
    if (this.isOver) return;
    if (!this.socket) {
      if (this.left.ago >= this.waitMs) this.connect();
      return;
    }
    const waitsForServer = !this.ready || !this.outbox.isEmpty || this.stopSent;
    if (waitsForServer && this.heardAt.ago > SILENCE_MS) this.lost(this.socket);
    else if (this.ready) this.sendOn(this.socket);
  }

  private sendOn(socket: WebSocket): void {
    if (socket.readyState !== WebSocket.OPEN || this.draining) return;
    while (socket.bufferedAmount < MOST_IN_FLIGHT_BYTES) {
      const message = this.outbox.take();
      if (!message) break;
      socket.send(message);
    }
    if (this.stopping.peek() && !this.stopSent && this.outbox.allSent) {
      socket.send('{"type":"stop"}');
      this.stopSent = true;
      this.heardAt = new Since();
    }
  }

  private connect(): void {
    const { sampleRate, channels, language } = this.format;
    const query = { call_id: this.id.value, sample_rate: sampleRate, channels, language };
    const url = address("v1/live", { ...query, ...this.standing() });
    url.protocol = url.protocol.replace("http", "ws");
    this.shownKey = key.value;
    const proofs = key.value === null ? [] : ["twicetold.v1", `twicetold.key.${key.value}`];
    const socket = new WebSocket(url, proofs);
    socket.binaryType = "arraybuffer";
    this.socket = socket;
    this.ready = this.stopSent = false;
    this.heardAt = new Since();
    socket.onmessage = ({ data }) => socket === this.socket && this.heard(JSON.parse(data));
    socket.onclose = () => this.lost(socket);
    socket.onerror = () => this.lost(socket);
  }

  /** What a running call proves that it is ours by; of a new one, how old its first sound is. */
  private standing(): Record<string, string | number | undefined> {
    if (this.session !== null) return { session: this.session, event: this.lastEvent };
    return { age_s: Math.min(Math.ceil(this.keptS.value), MOST_KEPT_S) };
  }

  private heard(event: LiveEvent): void {
    this.heardAt = new Since();
    switch (event.type) {
      case "ready":
        this.begin(event.session, event.next_seq);
        break;
      case "ack":
        this.outbox.acknowledged(event.seq);
        break;
      case "lagging":
        this.lagS.value = event.seconds;
        break;
      case "error":
        this.refused(new ApiError(event));
        return;
      case "final":
        if (event.event > this.lastEvent) this.final(event);
        break;
      case "done":
        this.done(event);
        return;
      case "speech_started":
      case "partial":
      case "no_words":
      case "alert":
        this.hooks.caption(event);
        break;
    }
    this.tick();
  }

  private begin(session: string, nextSeq: number): void {
    this.session = session;
    this.outbox.resumeAt(nextSeq);
    this.ready = true;
    this.failures = 0;
    this.awaySince.value = null;
    this.lagS.value = 0; // where it is not, the server says so again
    this.wrong.value = null;
    this.now.value = this.stopping.peek() ? "stopping" : "live";
  }

  private final(event: Caption & { type: "final" }): void {
    if (event.event > this.lastEvent + 1) {
      if (this.socket) this.lost(this.socket); // some were missed: they are told again
      return;
    }
    this.lastEvent = event.event;
    this.hooks.caption(event);
  }

  private done(done: Caption & { type: "done" }): void {
    if (done.event > this.lastEvent) {
      if (this.socket) this.lost(this.socket);
      return;
    }
    this.hooks.caption(done);
    this.goOn();
  }

  private refused(error: ApiError): void {
    this.wrong.value = error;
    if (error.code === "session_lost") {
      // Closed while we were away: its last finals still come to those who send nothing. Where the
      // server knows nothing of it any more, there are none.
      if (!this.ready || this.draining) this.goOn();
      else {
        this.draining = true;
        if (this.socket) this.lost(this.socket);
      }
      return;
    }
    if (this.shownKey === key.value) askForKey(error);
    if (
      this.session !== null &&
      error.code === "call_id_in_use" &&
      this.taken++ < MOST_TAKEN_BACK
    ) {
      // Most likely by an attempt of ours that was given up and reached a server late. If it is
      // somebody else, we must not go on taking the call from each other for ever.
      if (this.socket) this.lost(this.socket);
      return;
    }
    if (this.session === null && ID_TAKEN.includes(error.code) && this.mayBeOurs) {
      this.id.value = this.made ? newCallId() : continuedId(this.id.value);
    } else if (!error.retryable && error.code !== "unauthorized") {
      this.end("failed");
      return;
    }
    if (this.socket) this.lost(this.socket);
  }

  /** Whether a call of our id may be ours: the first answer was lost, and with it the session. */
  private get mayBeOurs(): boolean {
    return this.failures > 0 || this.made;
  }

  /** The call is over for the server. What it does not hold becomes a call of its own. */
  private goOn(): void {
    if (this.stopping.peek() && this.outbox.isEmpty) {
      this.end("over");
      return;
    }
    const from = this.id.value;
    this.id.value = continuedId(from);
    const heldS = this.outbox.heldBytes / this.secondBytes;
    this.outbox = this.outbox.renumbered();
    this.session = null;
    this.draining = this.made = false;
    this.lastEvent = 0;
    this.hooks.continued(from, heldS);
    this.leave();
    this.connect();
  }

  private lost(socket: WebSocket): void {
    if (socket !== this.socket || this.isOver) return;
    this.leave();
    this.left = new Since();
    this.awaySince.value ??= this.left;
    this.now.value = this.session === null && this.failures === 0 ? "connecting" : "away";
    const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)] ?? 0;
    this.failures += 1;
    this.waitMs = wait * (0.75 + Math.random() / 2);
    setTimeout(() => this.tick(), this.waitMs + 1);
  }

  private leave(): void {
    const socket = this.socket;
    this.socket = null;
    this.ready = false;
    socket?.close();
  }

  private end(state: "over" | "failed"): void {
    this.now.value = state;
    this.keptBytes.value = this.outbox.keptBytes;
    this.unwatch();
    this.leave();
  }
}
