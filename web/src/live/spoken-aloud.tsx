import { useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import { announce } from "../ui/announcer";
import type { Captions } from "./captions";

/** Has a screen reader say finals, and only them: a partial would be said again and again. */
export function SpokenAloud({ captions }: { captions: Captions }) {
  const said = useRef(new Set<string>());
  useSignalEffect(() => {
    const rows = captions.rows.value;
    for (let index = Math.max(0, rows.length - 4); index < rows.length; index += 1) {
      const row = rows.at(index);
      if (row.hand !== "draft" || said.current.has(row.key)) continue;
      said.current.add(row.key);
      announce(row.words.map(({ text }) => text).join(" "));
    }
  });
  return null;
}
