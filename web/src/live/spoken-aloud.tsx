import { type ReadonlySignal, useSignalEffect } from "@preact/signals";
import type { Rows } from "../transcript/rows";
import { announce } from "../ui/announcer";
import type { Told } from "./told";

/** Has a screen reader say finals, and only them: a partial would be said again and again. */
export function SpokenAloud({ rows, told }: { rows: ReadonlySignal<Rows>; told: Told }) {
  useSignalEffect(() => {
    for (const text of told.fresh(rows.value)) announce(text);
  });
  return null;
}
