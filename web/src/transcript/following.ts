import { type Signal, useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useEffect } from "preact/hooks";

const NEAR_END_PX = 48;
const BY_HAND = ["wheel", "touchmove", "pointerdown"] as const;
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
    let byHand = 0;
    const touched = (event: Event) => {
      if (event instanceof KeyboardEvent && !SCROLLING_KEYS.has(event.key)) return;
      byHand = event.timeStamp;
    };
    const scrolled = (event: Event) => {
      const left = element.scrollHeight - element.clientHeight - element.scrollTop;
      if (mode === "end" && left < NEAR_END_PX) following.value = true;
      else if (event.timeStamp - byHand < 1000) following.value = false;
    };
    for (const name of BY_HAND) element.addEventListener(name, touched, { passive: true });
    element.addEventListener("keydown", touched);
    element.addEventListener("scroll", scrolled, { passive: true });
    return () => {
      for (const name of BY_HAND) element.removeEventListener(name, touched);
      element.removeEventListener("keydown", touched);
      element.removeEventListener("scroll", scrolled);
    };
  }, [scroller, mode, following]);
  return following;
}
