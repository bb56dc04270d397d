import { computed, type ReadonlySignal } from "@preact/signals";
import type { Rows } from "../transcript/rows";
import type { Columns } from "../words/columns";
import { Table } from "../words/table";
import type { Captions } from "./captions";
import type { SecondTelling } from "./second-telling";

/** The draft while people speak, then the canonical transcript in its place. */
export function tellingRows(
  captions: Captions,
  second: ReadonlySignal<SecondTelling | null>,
): ReadonlySignal<Rows> {
  const columns = computed(() => {
    const telling = second.value?.telling.value;
    return telling?.state === "done" ? telling.columns : null;
  });
  return computed(() => {
    const canonical = columns.value;
    if (!canonical) return captions.rows.value;
    return new Table(canonical, "canonical", "added", keysLike(canonical, captions));
  });
}

/**
 * Keys for segments: that of the utterance on the same channel which each overlaps first, so that
 * pencil becomes ink where it stands; its own where there is none.
 */
export function keysLike({ channel, start, end }: Columns, draft: Rows): string[] {
  const waiting = new Map<number, number[]>();
  for (let row = 0; row < draft.length; row += 1) {
    const of = draft.at(row).channel;
    const rows = waiting.get(of) ?? [];
    waiting.set(of, rows);
    rows.push(row);
  }
  for (const rows of waiting.values()) rows.sort((a, b) => draft.at(a).start - draft.at(b).start);
  return Array.from(start, (from, segment) => {
    const rows = waiting.get(channel[segment] ?? 0) ?? [];
    while (rows.length > 0 && draft.at(rows[0] ?? 0).end <= from) rows.shift();
    const [row] = rows;
    if (row === undefined || draft.at(row).start >= (end[segment] ?? 0)) return `told ${segment}`;
    rows.shift();
    return draft.keyAt(row);
  });
}
