import { vi } from "vitest";

/** A stand-in for the server's side of `GET /v1/live`, in the same thread: it holds what it is sent. */
export class FakeServer {
  /** Calls by id: what is held of each, and its finals. */
  readonly calls = new Map<string, FakeCall>();
  readonly sockets: FakeSocket[] = [];
  reachable = true;
  /** The key that is good; null: none is asked for. */
  key: string | null = null;
  /** Whether it says nothing any more on connections that stand, as a cut cable does. */
  mute = false;

  install(): void {
    const sockets = this;
    vi.stubGlobal(
      "WebSocket",
      class extends FakeSocket {
        constructor(url: URL | string, protocols: string[] = []) {
          super(new URL(url), protocols, sockets);
        }
      },
    );
  }

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (!socket) throw new Error("nothing has connected");
    return socket;
  }

  call(id: string): FakeCall {
    const call = this.calls.get(id);
    if (!call) throw new Error(`there is no call ${id}`);
    return call;
  }

  /** Every connection breaks; `lost` of the messages that are on their way arrive no more. */
  cut(lost = 0): void {
    for (const socket of this.sockets.filter((each) => each.isOpen)) {
      socket.arrive(Math.max(0, socket.underway.length - lost));
      socket.break();
    }
  }
}

export class FakeCall {
  readonly held: number[] = [];
  readonly finals: string[] = [];
  /** Takes sound. A call that does not is over, or about to be: then `closing`. */
  open = true;
  closing = false;
  stopped = false;
  readonly session = `session-${Math.random()}`;
  constructor(readonly query: URLSearchParams) {}
}

export class FakeSocket {
  static readonly OPEN = 1;
  binaryType = "blob";
  readyState = 0;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: (() => void) | null = null;
  onerror: (() => void) | null = null;
  /** Sent, and not yet taken by the server. */
  readonly underway: (Uint8Array | string)[] = [];
  private call: FakeCall | null = null;

  constructor(
    readonly url: URL,
    readonly protocols: string[],
    private readonly server: FakeServer,
  ) {
    server.sockets.push(this);
    queueMicrotask(() => (server.reachable ? this.accepted() : this.break()));
  }

  get bufferedAmount(): number {
    return this.underway.reduce((sum, message) => sum + message.length, 0);
  }

  get isOpen(): boolean {
    return this.readyState === FakeSocket.OPEN;
  }

  send(message: Uint8Array | string): void {
    if (!this.isOpen) throw new Error("sent on a connection that does not stand");
    this.underway.push(message);
  }

  close(): void {
    this.readyState = 3;
  }

  break(): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.onclose?.();
  }

  say(event: Record<string, unknown>): void {
    if (this.isOpen && !this.server.mute) this.onmessage?.({ data: JSON.stringify(event) });
  }

  /** The server takes some of what is on its way, as it numbers it. */
  arrive(count = this.underway.length): void {
    for (const message of this.underway.splice(0, count)) {
      if (!this.isOpen) return;
      if (!this.call) throw new Error("audio came before the server was ready");
      if (typeof message === "string") this.stop();
      else this.take(message);
    }
  }

  ack(): void {
    if (this.call && this.call.held.length > 0)
      this.say({ type: "ack", seq: this.call.held.length - 1 });
  }

  /** Tell the finals after one; only then does a client have them. */
  tell(after: number): void {
    this.call?.finals.slice(after).forEach((text, at) => {
      const times = { start: after + at, end: after + at + 1 };
      const final = { type: "final", event: after + at + 1, channel: 0, utterance: after + at };
      this.say({ ...final, ...times, text, words: [] });
    });
  }

  /** The call is over, and all its finals were told. */
  done(): void {
    const id = this.url.searchParams.get("call_id");
    this.say({ type: "done", call_id: id, event: this.call?.finals.length });
    this.break();
  }

  private accepted(): void {
    if (this.readyState !== 0) return;
    this.readyState = FakeSocket.OPEN;
    const refusal = this.refusal();
    if (refusal) {
      this.say({ type: "error", message: refusal.code, hint: "", ...refusal });
      this.break();
      return;
    }
    const { call } = this;
    if (!call) return;
    const id = this.url.searchParams.get("call_id");
    this.say({ type: "ready", call_id: id, session: call.session, next_seq: call.held.length });
    this.tell(Number(this.url.searchParams.get("event") ?? 0));
    if (!call.open && !call.closing) this.done();
  }

  private refusal(): { code: string; retryable: boolean } | null {
    const { server } = this;
    if (server.key !== null && !this.protocols.includes(`twicetold.key.${server.key}`)) {
      return { code: "unauthorized", retryable: false };
    }
    const id = this.url.searchParams.get("call_id") ?? "";
    const known = server.calls.get(id);
    if (this.url.searchParams.has("session")) {
      if (!known || known.session !== this.url.searchParams.get("session")) {
        return { code: "session_lost", retryable: false };
      }
      this.call = known;
    } else {
      if (known) return { code: "call_id_in_use", retryable: false };
      this.call = new FakeCall(this.url.searchParams);
      server.calls.set(id, this.call);
    }
    return null;
  }

  private take(message: Uint8Array): void {
    const seq = new DataView(message.buffer, message.byteOffset).getUint32(0, true);
    const { call } = this;
    if (!call) return;
    if (!call.open) {
      const lost = { code: "session_lost", retryable: false };
      this.say({ type: "error", message: "closed", hint: "", ...lost });
      this.break();
      return;
    }
    if (seq !== call.held.length) throw new Error(`expected ${call.held.length} but got ${seq}`);
    call.held.push(new Int16Array(message.slice(4).buffer)[0] ?? -1);
  }

  private stop(): void {
    if (!this.call) return;
    this.call.stopped = true;
    this.call.open = false;
    this.ack();
    this.done();
  }
}
