import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { Since } from "../api/since";

/** Milliseconds since then, counted on four times a second for as long as the component is shown. */
export function useAgo(since: Since): number {
  const beat = useSignal(0);
  useEffect(() => {
    const timer = setInterval(() => {
      beat.value += 1;
    }, 250);
    return () => clearInterval(timer);
  }, [beat]);
  beat.value;
  return since.ago;
}
