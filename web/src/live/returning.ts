import { effect } from "@preact/signals";
import { key } from "../api/key";

/** Calls `again` when the network, the reader, or another key comes. Returns what ends that. */
export function onReturn(again: () => void): () => void {
  addEventListener("online", again);
  addEventListener("pageshow", again);
  document.addEventListener("visibilitychange", again);
  let first = true;
  const unsubscribe = effect(() => {
    key.value;
    if (!first) queueMicrotask(again);
    first = false;
  });
  return () => {
    removeEventListener("online", again);
    removeEventListener("pageshow", again);
    document.removeEventListener("visibilitychange", again);
    unsubscribe();
  };
}
