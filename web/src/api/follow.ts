import type { Caption } from "./events";
import { address, asProblem, callPath, get, post } from "./http";
import { ApiError } from "./problem";
import type { Call, Ticket } from "./types";

const NAMES = [
  "speech_started",
  "partial",
  "final",
  "no_words",
  "done",
  "status",
  "alert",
] as const;
/** After this one there is no final: for those who ask how a call stands, and not what was said. */
export const NO_FINALS = 2 ** 31;
const OWN_TICKET_S = 3600;
const SILENCE_MS = 15_000; // a stream that stands says so every five seconds
const WAITS_MS = [500, 1000, 2000, 5000];

export interface Follower {
  caption(caption: Caption): void;
  /** The connection broke (true) or stands again (false); finals are never lost or doubled by it. */
  away(broken: boolean): void;
  /** It cannot be followed: deleted, another tenant's, a link that has run out. */
  failed(error: ApiError): void;
}

/**
 * Follow a call, running or over, until its canonical transcript stands or has failed.
 * `ticket` is that of a follow link; without one the key gets tickets as they are needed. Finals
 * up to `after` are left out.
 * Returns what ends it.
 */
export function follow(
  callId: string,
  to: Follower,
  ticket: string | null = null,
  after = 0,
): () => void {
  const following = new Following(callId, to, ticket, after);
  void following.connect();
  return () => following.end();
}

class Following {
  private source: EventSource | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private silence: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;
  private over = false;

  constructor(
    private readonly callId: string,
    private readonly to: Follower,
    private readonly ticket: string | null,
    private after: number,
  ) {}

  end(): void {
    this.over = true;
    this.leave();
    clearTimeout(this.timer);
  }

  private leave(): void {
    this.source?.close();
    clearTimeout(this.silence);
  }

  async connect(): Promise<void> {
    try {
      const ticket = this.ticket ?? (await freshTicket(this.callId, OWN_TICKET_S));
      if (!this.over) this.open(ticket);
    } catch (error) {
      this.broken(asProblem(error));
    }
  }

  private open(ticket: string): void {
    const query = { ticket, after: this.after || undefined };
    const source = new EventSource(address(callPath(this.callId, "/events"), query));
    this.source = source;
    source.onopen = () => {
      this.failures = 0;
      this.alive();
      this.to.away(false);
    };
    source.addEventListener("alive", () => this.alive());
    for (const name of NAMES) source.addEventListener(name, (event) => this.heard(event));
    source.addEventListener("error", (event) => {
      if (event instanceof MessageEvent) this.refused(event);
      else this.lost();
    });
    this.alive();
  }

  /** A connection that has died without a word is given up. */
  private alive(): void {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.lost(), SILENCE_MS);
  }

  private heard(event: MessageEvent<string>): void {
    if (this.over) return;
    this.alive();
    const caption = JSON.parse(event.data) as Caption;
    if (caption.type === "final") {
      if (caption.event <= this.after) return; // told again after a reconnect
      this.after = caption.event;
    }
    this.to.caption(caption);
    if (caption.type === "status" && ["done", "failed"].includes(caption.status)) this.end();
  }

  /** An `error` event of the server's, which ends the stream. */
  private refused(event: MessageEvent<string>): void {
    this.leave();
    const error = new ApiError(JSON.parse(event.data));
    // A ticket of our own has run out: whether the key is good is told when a fresh one is asked for.
    this.broken(this.ticket === null && error.code === "unauthorized" ? null : error);
  }

  /** The connection broke, or was refused, which an EventSource does not tell apart. */
  private lost(): void {
    this.leave();
    this.broken(null);
  }

  private broken(error: ApiError | null): void {
    if (this.over) return;
    if (error && !error.retryable) {
      this.fail(error);
      return;
    }
    this.to.away(true);
    const wait = WAITS_MS[Math.min(this.failures, WAITS_MS.length - 1)];
    this.failures += 1;
    this.timer = setTimeout(() => void this.again(), wait);
  }

  /** Ask why, in a way that gets an answer, before connecting again. */
  private async again(): Promise<void> {
    try {
      await get<Call>(callPath(this.callId), { query: { ticket: this.ticket ?? undefined } });
    } catch (error) {
      this.broken(asProblem(error));
      return;
    }
    if (!this.over) await this.connect();
  }

  private fail(error: ApiError): void {
    this.end();
    this.to.failed(error);
  }
}

/** A short-lived ticket for what can send no header: events, sound. */
export async function freshTicket(callId: string, expiresInS?: number): Promise<string> {
  const wish = { call_id: callId, ...(expiresInS ? { expires_in_s: expiresInS } : {}) };
  return (await post<Ticket>("v1/tickets", wish)).ticket;
}

/** A ticket to read along: captions and transcript of one call, no sound. */
export async function captionsTicket(callId: string, expiresInS: number): Promise<string> {
  const wish = { call_id: callId, scope: "captions", expires_in_s: expiresInS };
  return (await post<Ticket>("v1/tickets", wish)).ticket;
}
