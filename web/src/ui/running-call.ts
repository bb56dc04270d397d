import { signal } from "@preact/signals";

/** The call that this page is in, for the frame around the views; `since` as Date.now() gives it. */
export const runningCall = signal<{ since: number } | null>(null);
