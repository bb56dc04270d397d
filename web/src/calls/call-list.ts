import { signal } from "@preact/signals";
import { asProblem, callPath, exchange, get, post, remove } from "../api/http";
import { ApiError, bodyOf } from "../api/problem";
import type { Call, Calls, Job, Jobs } from "../api/types";
import { asQuery, type Filters, NO_FILTERS } from "./filters";

const PAGE = 50;
const BUSY_MS = 2500;
const QUIET_MS = 30_000;
const MOST_RENEWED = 20;
const GONE = ["call_deleted", "call_not_found"];

/** The tenant's calls as the filters ask for them, page by page, the newest page kept fresh. */
export class CallList {
  readonly calls = signal<readonly Call[]>([]);
  readonly loaded = signal(false);
  readonly problem = signal<ApiError | null>(null);
  /** Share of each recording that is transcribed again, by call. */
  readonly shares = signal<ReadonlyMap<string, number>>(new Map());
  private filters: Filters | null = null;
  private cursor: string | null = null;
  private tag = "";
  private timer: ReturnType<typeof setTimeout> | undefined;
  private asked = 0;
  private fetching = false;
  private readonly seen = () => {
    if (document.visibilityState === "visible") void this.refresh();
  };

  constructor() {
    document.addEventListener("visibilitychange", this.seen);
  }

  show(filters: Filters): Promise<void> {
    this.filters = filters;
    this.cursor = null;
    this.tag = "";
    this.calls.value = [];
    this.loaded.value = false;
    return this.refresh();
  }

  /** The newest page again; what is below it stays as it is. */
  async refresh(): Promise<void> {
    const number = ++this.asked;
    clearTimeout(this.timer);
    try {
      const page = await this.newest();
      if (number !== this.asked) return;
      this.problem.value = null;
      if (page) this.merge(page.calls, page.tag);
      this.loaded.value = true;
      await Promise.all([this.progress(), this.renew(this.busyBelow)]);
    } catch (error) {
      if (number === this.asked) this.problem.value = asProblem(error);
    } finally {
      if (number === this.asked) this.later();
    }
  }

  /** The page after the last one, if there is one. */
  async more(): Promise<void> {
    const { cursor, filters } = this;
    if (cursor === null || filters === null || this.fetching) return;
    this.fetching = true;
    try {
      const page = await get<Calls>("v1/calls", {
        query: { ...asQuery(filters), limit: PAGE, cursor },
      });
      if (filters !== this.filters) return; // another list is shown meanwhile
      const known = new Set(this.calls.value.map(({ call_id }) => call_id));
      const fresh = page.calls.filter(({ call_id }) => !known.has(call_id));
      this.calls.value = [...this.calls.value, ...fresh];
      this.cursor = page.cursor;
    } catch (error) {
      this.problem.value = asProblem(error);
    } finally {
      this.fetching = false;
    }
  }

  async remove(callId: string): Promise<void> {
    await remove(callPath(callId));
    this.asked += 1; // what is being fetched may still have it
    this.calls.value = this.calls.value.filter(({ call_id }) => call_id !== callId);
    this.tag = "";
    this.later();
  }

  async retry(callId: string): Promise<void> {
    await post<Job>(callPath(callId, "/retry"));
    this.tag = "";
    await this.refresh();
    await this.renew([callId]);
  }

  close(): void {
    clearTimeout(this.timer);
    this.asked += 1;
    document.removeEventListener("visibilitychange", this.seen);
  }

  /** Null while nothing has changed. */
  private async newest(): Promise<{ calls: Calls; tag: string } | null> {
    const query = { ...asQuery(this.filters ?? NO_FILTERS), limit: PAGE };
    const headers = this.tag ? { "If-None-Match": this.tag } : {};
    const answer = await exchange("GET", "v1/calls", { query, headers });
    if (answer.status === 304) return null;
    return { calls: await bodyOf<Calls>(answer), tag: answer.headers.get("ETag") ?? "" };
  }

  private merge(page: Calls, tag: string): void {
    this.tag = tag;
    const oldest = page.calls.at(-1)?.started_at ?? Number.NEGATIVE_INFINITY;
    const fresh = new Set(page.calls.map(({ call_id }) => call_id));
    const below = this.calls.value.filter(
      (call) => !fresh.has(call.call_id) && call.started_at <= oldest && page.cursor !== null,
    );
    if (below.length === 0) this.cursor = page.cursor;
    this.calls.value = [...page.calls, ...below];
  }

  /** Calls that the newest page does not tell of, each by itself. */
  private async renew(callIds: readonly string[]): Promise<void> {
    const fresh = new Map<string, Call | null>();
    await Promise.all(
      callIds.slice(0, MOST_RENEWED).map(async (id) => {
        const call = await get<Call>(callPath(id)).catch((error) => asProblem(error));
        if (!(call instanceof ApiError)) fresh.set(id, call);
        else if (GONE.includes(call.code)) fresh.set(id, null); // what else is wrong shows at the list
      }),
    );
    if (fresh.size === 0) return;
    this.calls.value = this.calls.value.flatMap((call) => {
      const now = fresh.get(call.call_id);
      return now === null ? [] : [now ?? call];
    });
  }

  private get busyBelow(): string[] {
    return this.calls.value
      .slice(PAGE)
      .filter(isUnderWay)
      .map(({ call_id }) => call_id);
  }

  private async progress(): Promise<void> {
    if (!this.isBusy) return;
    const { jobs } = await get<Jobs>("v1/jobs", { query: { limit: 100 } });
    const running = jobs.filter(({ total_s, state }) => total_s > 0 && state !== "done");
    this.shares.value = new Map(running.map((job) => [job.call_id, job.done_s / job.total_s]));
  }

  private get isBusy(): boolean {
    return this.calls.value.some(isUnderWay);
  }

  /** Soon while something is under way, and not at all while nobody looks. */
  private later(): void {
    clearTimeout(this.timer);
    if (document.visibilityState !== "visible") return;
    this.timer = setTimeout(() => void this.refresh(), this.isBusy ? BUSY_MS : QUIET_MS);
  }
}

function isUnderWay({ status }: Call): boolean {
  return status !== "done" && status !== "failed";
}
