import { signal } from "@preact/signals";
import { asProblem, get } from "../api/http";
import type { ApiError } from "../api/problem";
import type { Hit, Hits } from "../api/types";

const PAUSE_MS = 250;

/** What was said, and where: searched for as the reader types. */
export class Searching {
  readonly hits = signal<readonly Hit[]>([]);
  readonly query = signal("");
  /** Whether `hits` are those of `query`. */
  readonly settled = signal(true);
  readonly problem = signal<ApiError | null>(null);
  readonly hasMore = signal(false);
  private cursor: string | null = null;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private leaving = new AbortController();

  ask(query: string): void {
    if (query === this.query.peek()) return;
    this.close();
    this.query.value = query;
    this.problem.value = null;
    this.cursor = null;
    this.settled.value = query.trim() === "";
    if (this.settled.value) this.hits.value = [];
    else this.timer = setTimeout(() => void this.fetch([]), PAUSE_MS);
  }

  async more(): Promise<void> {
    if (this.cursor === null || !this.settled.value) return;
    this.settled.value = false;
    this.problem.value = null;
    await this.fetch(this.hits.value);
  }

  close(): void {
    clearTimeout(this.timer);
    this.leaving.abort();
    this.leaving = new AbortController();
  }

  private async fetch(before: readonly Hit[]): Promise<void> {
    const { signal } = this.leaving;
    const query = { q: this.query.value, limit: 30, cursor: this.cursor ?? undefined };
    try {
      const page = await get<Hits>("v1/search", { query, signal });
      this.hits.value = [...before, ...page.hits];
      this.cursor = page.cursor;
      this.hasMore.value = page.cursor !== null;
    } catch (error) {
      if (signal.aborted) return;
      this.problem.value = asProblem(error);
      this.hits.value = before;
    }
    this.settled.value = true;
  }
}

/** Hits by call, in the order they came. */
export function byCall(hits: readonly Hit[]): Map<string, Hit[]> {
  const calls = new Map<string, Hit[]>();
  for (const hit of hits) calls.set(hit.call_id, [...(calls.get(hit.call_id) ?? []), hit]);
  return calls;
}

/** A snippet in pieces. Its matches count characters as the server does: by code point. */
export function pieces(snippet: Hit["snippet"]): { text: string; match: boolean }[] {
  const letters = [...snippet.text];
  const cut: { text: string; match: boolean }[] = [];
  let at = 0;
  const add = (to: number, match: boolean) => {
    if (to > at) cut.push({ text: letters.slice(at, to).join(""), match });
    at = Math.max(at, to);
  };
  for (const [from, to] of snippet.matches as [number, number][]) {
    add(from, false);
    add(to, true);
  }
  add(letters.length, false);
  return cut;
}
