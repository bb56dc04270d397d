import {
  elementScroll,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import type { RefObject } from "preact";
import { useEffect, useLayoutEffect, useReducer, useState } from "preact/hooks";

interface Wanted {
  count: number;
  scroller: RefObject<HTMLElement | null>;
  keyOf: (index: number) => string;
  estimate: (index: number) => number;
}

/** A list of which only what can be seen is in the document; heights are measured as they come. */
export function useVirtual({ count, scroller, keyOf, estimate }: Wanted) {
  const [, draw] = useReducer((drawn: number, _: unknown) => drawn + 1, 0);
  const options = {
    count,
    overscan: 6,
    getScrollElement: () => scroller.current,
    estimateSize: estimate,
    getItemKey: keyOf,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => draw(null),
  };
  const [virtualizer] = useState(() => new Virtualizer<HTMLElement, HTMLElement>(options));
  virtualizer.setOptions(options);
  useEffect(() => virtualizer._didMount(), [virtualizer]);
  useLayoutEffect(() => virtualizer._willUpdate());
  return virtualizer;
}
