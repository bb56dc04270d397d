import { type ReadonlySignal, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Rows } from "../transcript/rows";
import { announce } from "../ui/announcer";

/** Has a screen reader say finals, and only them: a partial would be said again and again. */
export function SpokenAloud({ rows }: { rows: ReadonlySignal<Rows> }) {
  const said = useRef({ keys: new Set<string>(), before: 0 });
  useSignalEffect(() => {
    const list = rows.value;
    const { keys } = said.current;
    // Rows before this one have been said; a long utterance may still wait behind shorter ones.
    let before = Math.min(said.current.before, list.length);
    for (let index = before; index < list.length; index += 1) {
      const row = list.at(index);
      if (row.hand === "draft" && !keys.has(row.key)) {
        keys.add(row.key);
        announce(row.words.map(({ text }) => text).join(" "));
      }
      if (index === before && keys.has(row.key)) before += 1;
    }
    said.current.before = before;
  });
  return null;
}
