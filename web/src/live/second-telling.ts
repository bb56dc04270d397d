import { type ReadonlySignal, signal } from "@preact/signals";
import type { StatusEvent } from "../api/events";
import { follow } from "../api/follow";
import { asProblem, callPath, get, post } from "../api/http";
import { key } from "../api/key";
import { ApiError } from "../api/problem";
import type { Call, Job } from "../api/types";
import type { Columns } from "../words/columns";
import { readDifference, readTranscript } from "../words/reader";

const TRY_AGAIN_MS = 3000;

/** How far the canonical transcript is: share done (0 to 1), or what stands in its way. */
export type Telling =
  | { state: "waiting"; share: number }
  | { state: "done"; columns: Columns; changed: number; call: Call }
  | { state: "failed"; error: ApiError }
  | { state: "lost"; error: ApiError };

/** Waits for a call's canonical transcript, and reads it with its changes to the draft marked. */
export class SecondTelling {
  readonly telling: ReadonlySignal<Telling>;
  private readonly current = signal<Telling>({ state: "waiting", share: 0 });
  private end = () => {};
  private unsubscribe = () => {};
  private closed = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** With `told` whoever makes it follows the call already and passes status events on. */
  constructor(
    readonly callId: string,
    private readonly ticket?: string,
    told = false,
  ) {
    this.telling = this.current;
    if (!told) this.wait();
  }

  async status({ status, done_s, total_s }: StatusEvent): Promise<void> {
    if (status === "done") await this.read();
    else if (status === "failed") await this.explain();
    else this.current.value = { state: "waiting", share: total_s > 0 ? done_s / total_s : 0 };
  }

  async retry(): Promise<void> {
    try {
      await post<Job>(callPath(this.callId, "/retry"));
      if (this.closed) return;
      this.current.value = { state: "waiting", share: 0 };
      this.wait();
    } catch (error) {
      this.current.value = { state: "failed", error: asProblem(error) };
    }
  }

  close(): void {
    this.closed = true;
    clearTimeout(this.timer);
    this.unsubscribe();
    this.end();
  }

  /** Something stands in the way: it is tried again where that may help, or with another key. */
  private lost(error: unknown, again: () => void): void {
    if (this.closed) return;
    const problem = asProblem(error);
    this.current.value = { state: "lost", error: problem };
    if (problem.retryable) this.timer = setTimeout(again, TRY_AGAIN_MS);
    else if (problem.code === "unauthorized" && this.ticket === undefined) this.withKey(again);
  }

  private withKey(again: () => void): void {
    const shown = key.peek();
    this.unsubscribe();
    this.unsubscribe = key.subscribe((now) => {
      if (now !== shown && !this.closed) queueMicrotask(again);
    });
  }

  private wait(): void {
    this.end();
    const failed = (error: ApiError) => this.lost(error, () => this.wait());
    const caption = (event: { type: string }) => {
      if (event.type === "status") void this.status(event as StatusEvent);
    };
    this.end = follow(this.callId, { caption, away: () => {}, failed }, this.ticket ?? null);
  }

  private async read(): Promise<void> {
    try {
      const call = await get<Call>(callPath(this.callId), { query: { ticket: this.ticket } });
      const read = call.has_draft
        ? await readDifference(this.callId, "added", this.ticket)
        : await readTranscript(this.callId, "canonical", this.ticket);
      this.current.value = { state: "done", columns: read.columns, changed: read.added, call };
    } catch (error) {
      this.lost(error, () => void this.read());
    }
  }

  private async explain(): Promise<void> {
    const query = { ticket: this.ticket };
    try {
      const call = await get<Call>(callPath(this.callId), { query });
      this.current.value = { state: "failed", error: why(call) };
    } catch (error) {
      this.lost(error, () => void this.explain());
    }
  }
}

function why(call: Call): ApiError {
  return new ApiError({
    code: call.error_code ?? "unknown",
    message: call.error ?? "The call could not be transcribed again.",
    hint: call.error_hint ?? "Try again; the draft stays as it is.",
    retryable: true,
  });
}
