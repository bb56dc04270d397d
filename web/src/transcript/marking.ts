import { useSignalEffect } from "@preact/signals";
import type { RefObject } from "preact";
import { useLayoutEffect } from "preact/hooks";
import type { Place, TranscriptProps } from "./rows";

/** Marks words that sound or were found, without drawing their rows again. */
export function useMarks(scroller: RefObject<HTMLElement | null>, props: TranscriptProps): void {
  const { sounding, found, shown } = props;
  const mark = () => {
    const element = scroller.current;
    if (!element) return;
    setMarks(element, "sounding", sounding?.value ?? []);
    setMarks(element, "found", found?.value ?? []);
    setMarks(element, "shown", shown?.value ? [shown.value] : []);
  };
  useSignalEffect(mark);
  useLayoutEffect(mark); // rows that have come into view since
}

function setMarks(element: HTMLElement, name: string, places: readonly Place[]): void {
  const wanted = new Set<Element>();
  const drawn = [...element.querySelectorAll<HTMLElement>("[data-row]")];
  const byRow = new Map(drawn.map((line) => [Number(line.dataset["row"]), line]));
  for (const { row, word } of places) {
    const marked = byRow.get(row)?.querySelector(`[data-word="${word}"]`);
    if (marked) wanted.add(marked);
  }
  for (const old of element.querySelectorAll(`.${name}`)) {
    if (!wanted.has(old)) old.classList.remove(name);
  }
  for (const marked of wanted) marked.classList.add(name);
}
