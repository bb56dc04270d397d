import { signal } from "@preact/signals";
import { asProblem, get } from "../api/http";
import type { ApiError } from "../api/problem";
import { type Line, pageOf, type Sums } from "./model";
import type { Split } from "./range";

const PAGE = 1000;
const MOST_PAGES = 20;

/** What was used in some days, by day and pass or engine. */
export interface Used {
  from: string;
  to: string;
  split: Split;
  currency: string;
  lines: readonly Line[];
  total: Sums;
}

/** Asks for usage, a page after the other; what was asked for before is not waited for. */
export class Asking {
  readonly used = signal<Used | null>(null);
  readonly problem = signal<ApiError | null>(null);
  readonly waiting = signal(false);
  private leaving = new AbortController();

  async ask(from: string, to: string, split: Split): Promise<void> {
    this.leaving.abort();
    this.leaving = new AbortController();
    const { signal } = this.leaving;
    this.waiting.value = true;
    try {
      const used = await all(from, to, split, signal);
      if (signal.aborted) return;
      this.used.value = used;
      this.problem.value = null;
    } catch (error) {
      if (!signal.aborted) this.problem.value = asProblem(error);
    } finally {
      if (!signal.aborted) this.waiting.value = false;
    }
  }

  close(): void {
    this.leaving.abort();
  }
}

async function all(from: string, to: string, split: Split, signal: AbortSignal): Promise<Used> {
  const query = { from, to, group: `day,${split}`, limit: PAGE };
  const first = pageOf(await get<unknown>("v1/usage", { query, signal }), split);
  const lines = [...first.lines];
  let { cursor } = first;
  for (let page = 1; cursor !== null && page < MOST_PAGES; page += 1) {
    const asking = { query: { ...query, cursor }, signal };
    const next = pageOf(await get<unknown>("v1/usage", asking), split);
    lines.push(...next.lines);
    cursor = next.cursor;
  }
  return { from, to, split, currency: first.currency, lines, total: first.total };
}
