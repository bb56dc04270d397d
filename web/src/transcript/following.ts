import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const NEAR_END_PX = 48;
const BY_HAND_MS = 1000;
const SCROLLING_KEYS = new Set(["ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", " "]);

/**
 * Whether the view follows what happens. The reader ends it by scrolling away by hand; at the end
 * of a running call, scrolling back down begins it again.
 */
export function useFollowing(
  scroller: RefObject<HTMLElement | null>,
  mode: "sound" | "end" | "none",
): Signal<boolean> {
  const following = useSignal(true);
  useEffect(() => {
    const element = scroller.current;
    if (!element || mode === "none") return;
    let byHand = Number.NEGATIVE_INFINITY;
    const touched = (event: Event) => {
      byHand = event.timeStamp;
    };
    // On the scroll bar, that is: a click on a word is none.
    const pressed = (event: Event) => {
      if (event.target === element) touched(event);
    };
    // Keys that the page takes for itself do not scroll; whether it does is known afterwards.
    const typed = (event: KeyboardEvent) => {
      if (!SCROLLING_KEYS.has(event.key)) return;
      setTimeout(() => {
        if (!event.defaultPrevented) touched(event);
      });
    };
    const scrolled = (event: Event) => {
      const left = element.scrollHeight - element.clientHeight - element.scrollTop;
      if (mode === "end" && left < NEAR_END_PX) following.value = true;
      else if (event.timeStamp - byHand < BY_HAND_MS) following.value = false;
    };
    const leaving = new AbortController();
    const options = { passive: true, signal: leaving.signal };
    element.addEventListener("wheel", touched, options);
    element.addEventListener("touchmove", touched, options);
    element.addEventListener("pointerdown", pressed, options);
    element.addEventListener("keydown", typed, options);
    element.addEventListener("scroll", scrolled, options);
    return () => leaving.abort();
  }, [scroller, mode, following]);
  return following;
}
