import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useMemo, useReducer, useState } from "preact/hooks";
import type { Rows } from "./rows";

const LINE_PX = 30;
const LETTERS_A_LINE = 70;
const AROUND_PX = 12;
const BEYOND_ROWS = 6; // drawn above and below what can be seen

/**
 * A list of which only what can be seen is in the document; heights are measured as they come.
 * The library lays the whole list out anew when a function of its options is another one, so they
 * change with the list alone.
 */
export function useVirtual(list: Rows, scroller: RefObject<HTMLElement | null>) {
  const [, draw] = useReducer((drawn: number, _: unknown) => drawn + 1, 0);
  const options = useMemo(
    () => ({
      count: list.length,
      overscan: BEYOND_ROWS,
      getScrollElement: () => scroller.current,
      estimateSize: (index: number) => estimated(list.lettersAt(index)),
      getItemKey: (index: number) => list.keyAt(index),
      scrollToFn: elementScroll,
      observeElementRect,
      observeElementOffset,
      onChange: () => draw(null),
    }),
    [list, scroller],
  );
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}

function estimated(letters: number): number {
  return LINE_PX * Math.max(1, Math.ceil(letters / LETTERS_A_LINE)) + AROUND_PX;
}
