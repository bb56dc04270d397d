import { type ReadonlySignal, signal } from "@preact/signals";
import { callPath, get } from "../api/http";
import type { Call, InsightsBody } from "../api/types";
import { type Insights, insightsOf } from "./insights";

/** The insights of a call, read once for each canonical transcript and each score of it, which the
 * outcomes of a call change; null until they are there. */
export class Worth {
  readonly found: ReadonlySignal<Insights | null>;
  private readonly current = signal<Insights | null>(null);
  private readonly leaving = new AbortController();
  private read: string | null = null;

  constructor(private readonly callId: string) {
    this.found = this.current;
  }

  /** Look whether there are others by now. A call can be read without them: it throws nothing. */
  async ask({ canonical_revision: revision, lead_score, outcomes }: Call): Promise<void> {
    const state = JSON.stringify([revision, lead_score, outcomes]);
    if (revision === null || state === this.read) return;
    this.read = state;
    try {
      const { signal } = this.leaving;
      const answer = await get<InsightsBody>(callPath(this.callId, "/insights"), { signal });
      if (state === this.read) this.current.value = insightsOf(answer);
    } catch {
      if (state === this.read) this.read = null; // the next look asks again
    }
  }

  close(): void {
    this.leaving.abort();
  }
}
