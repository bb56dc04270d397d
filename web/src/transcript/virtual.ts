import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useRef, useState } from "preact/hooks";
import type { Rows } from "./rows";

const LINE_PX = 30;
const LETTERS_A_LINE = 70;
const AROUND_PX = 12;
const BEYOND_ROWS = 6; // drawn above and below what can be seen

export type Virtual = Virtualizer<HTMLElement, HTMLElement>;

/**
 * A list of which only what can be seen is in the document; heights are measured as they come.
 * The library lays the whole list out anew when a function of its options is another one, so they
 * are others only where the rows come from elsewhere or are more: not with every caption.
 */
export function useVirtual(list: Rows, scroller: RefObject<HTMLElement | null>): Virtual {
  const [, draw] = useReducer((drawn: number, _: unknown) => drawn + 1, 0);
  const current = useRef(list);
  current.current = list;
  const options = useMemo(
    () => ({
      count: list.length,
      overscan: BEYOND_ROWS,
      getScrollElement: () => scroller.current,
      estimateSize: (index: number) => estimated(current.current.lettersAt(index)),
      getItemKey: (index: number) => current.current.keyAt(index),
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => draw(null),
    }),
    [list.source, list.length, scroller],
  );
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}

/**
 * Where the rows are others, the reader goes on where the rows before were read: at the same
 * second. `staying`: whether the reader has a place of his own, and is not carried along.
 */
export function useKeptPlace(virtual: Virtual, list: Rows, staying: () => boolean): void {
  const place = useRef(0);
  useLayoutEffect(() => {
    if (!staying() || list.length === 0) return;
    const row = list.rowAt(place.current);
    if (row > 0) virtual.scrollToIndex(row, { align: "start" });
  }, [list.source]);
  useEffect(() => {
    const first = virtual.getVirtualItemForOffset(virtual.scrollOffset ?? 0)?.index;
    if (first !== undefined && first < list.length) place.current = list.at(first).start;
  });
}

function estimated(letters: number): number {
  return LINE_PX * Math.max(1, Math.ceil(letters / LETTERS_A_LINE)) + AROUND_PX;
}
