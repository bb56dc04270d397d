import { type ReadonlySignal, signal } from "@preact/signals";
import { callPath, get } from "../api/http";
import type { Call, InsightsBody } from "../api/types";
import { type Insights, insightsOf } from "./insights";

/** The insights of a call, read once for each canonical transcript; null until they are there. */
export class Worth {
  readonly found: ReadonlySignal<Insights | null>;
  private readonly current = signal<Insights | null>(null);
  private readonly leaving = new AbortController();
  private revision: string | null = null;

  constructor(private readonly callId: string) {
    this.found = this.current;
  }

  /** Look whether there are others by now. A call can be read without them: it throws nothing. */
  async ask({ canonical_revision: revision }: Call): Promise<void> {
    if (revision === null || revision === this.revision) return;
    this.revision = revision;
    try {
      const { signal } = this.leaving;
      const answer = await get<InsightsBody>(callPath(this.callId, "/insights"), { signal });
      if (revision === this.revision) this.current.value = insightsOf(answer);
    } catch {
      if (revision === this.revision) this.revision = null; // the next look asks again
    }
  }

  close(): void {
    this.leaving.abort();
  }
}
