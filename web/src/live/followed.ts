import { computed, signal } from "@preact/signals";
import type { Caption } from "../api/events";
import { follow } from "../api/follow";
import { callPath, get } from "../api/http";
import { ApiError } from "../api/problem";
import { Since } from "../api/since";
import type { Call } from "../api/types";
import { Alerts, ToldAlerts } from "./alerts";
import { Captions } from "./captions";
import { SecondTelling } from "./second-telling";
import { tellingRows } from "./telling-rows";
import { Told } from "./told";

/** Somebody else's call, read along: the same captions, and the canonical transcript after them. */
export class Followed {
  readonly captions = new Captions();
  readonly second = signal<SecondTelling | null>(null);
  readonly problem = signal<ApiError | null>(null);
  /** When the connection broke; null while it stands. */
  readonly awaySince = signal<Since | null>(new Since());
  readonly rows = tellingRows(this.captions, this.second);
  readonly told = new Told();
  readonly alerts = new Alerts();
  readonly toldAlerts = new ToldAlerts();
  /** The call as it stood at the beginning; null while unknown. */
  readonly call = signal<Call | null>(null);
  readonly channels = computed(() => this.call.value?.channels ?? this.captions.channels.value);
  private readonly end: () => void;

  constructor(
    readonly callId: string,
    private readonly ticket: string | null,
  ) {
    const to = {
      caption: (caption: Caption) => this.heard(caption),
      away: (broken: boolean) => {
        this.awaySince.value = broken ? (this.awaySince.peek() ?? new Since()) : null;
      },
      failed: (error: ApiError) => {
        const isStale = ticket !== null && error.code === "unauthorized";
        this.problem.value = isStale ? stale() : error.code === "call_not_found" ? none() : error;
      },
    };
    this.end = follow(callId, to, ticket);
    const query = { ticket: ticket ?? undefined };
    get<Call>(callPath(callId), { query }).then(
      (call) => {
        this.call.value = call;
      },
      () => {}, // following tells why
    );
  }

  close(): void {
    this.end();
    this.second.peek()?.close();
  }

  private heard(caption: Caption): void {
    this.captions.heard(caption);
    if (caption.type === "alert") this.alerts.heard(caption);
    if (caption.type === "done") {
      this.second.value ??= new SecondTelling(this.callId, this.ticket ?? undefined, true);
    }
    if (caption.type === "status") void this.second.peek()?.status(caption);
  }
}

function stale(): ApiError {
  return new ApiError({
    code: "unauthorized",
    message: "This link does not open the call any more.",
    hint: "Such links end after a day, or when the key behind them is replaced; ask whoever sent it for a new one.",
    retryable: false,
  });
}

function none(): ApiError {
  return new ApiError({
    code: "call_not_found",
    message: "There is no such call.",
    hint: "It was deleted, or it has not begun.",
    retryable: false,
  });
}
