import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Place } from "../transcript/rows";
import { ADDED, type Columns, REMOVED } from "../words/columns";
import { find } from "../words/find";
import type { Table } from "../words/table";

/** Places of a call that are gone through one after another: words found, or differences. */
export class Finding {
  readonly query = signal("");
  readonly at = signal(-1);
  readonly all: ReadonlySignal<Place[][]>;
  readonly found: ReadonlySignal<readonly Place[]>;
  readonly shown: ReadonlySignal<Place | null>;

  /** With `differences` the places are those where the draft was changed, if nothing is asked. */
  constructor(
    private readonly table: ReadonlySignal<Table | null>,
    differences: ReadonlySignal<boolean>,
  ) {
    this.all = computed(() => {
      const columns = table.value?.columns;
      if (!columns) return [];
      if (this.query.value.trim() !== "") return find(columns, this.query.value);
      return differences.value ? changes(columns) : [];
    });
    this.found = computed(() => (this.query.value.trim() === "" ? [] : this.all.value.flat()));
    this.shown = computed(() => this.all.value[this.at.value]?.[0] ?? null);
  }

  /** From the place at or after a second of the recording, where one is given. */
  ask(query: string, seconds = 0): void {
    this.query.value = query;
    const columns = this.table.peek()?.columns;
    const next = this.all.value.findIndex(
      ([place]) => (columns?.start[place?.row ?? 0] ?? 0) >= seconds - 0.01,
    );
    this.at.value = this.all.value.length > 0 ? Math.max(0, next) : -1;
  }

  turn(by: 1 | -1): void {
    const { length } = this.all.value;
    if (length > 0)
      this.at.value = (Math.max(this.at.value, by < 0 ? 0 : -1) + by + length) % length;
  }
}

/** Runs of words that differ. Walks the rows along: a search for each word's row would cost a frame. */
export function changes(columns: Columns): Place[][] {
  const { marks, firstWord } = columns;
  const runs: Place[][] = [];
  let run: Place[] = [];
  let row = 0;
  for (let word = 0; word < marks.length; word += 1) {
    while (word >= (firstWord[row + 1] ?? marks.length)) row += 1;
    if (marks[word] === ADDED || marks[word] === REMOVED) {
      if (run.length === 0) runs.push(run);
      run.push({ row, word: word - (firstWord[row] ?? 0) });
    } else if (run.length > 0) run = [];
  }
  return runs;
}

/** What to look for inside a call that a search of all calls has found: its first whole words. */
export function wordsOf(search: string): string {
  const phrase = /"([^"]+)"/.exec(search)?.[1];
  return (phrase ?? search.split(/\s+/)[0] ?? "").replaceAll(/["*]/g, "");
}
