import { signal } from "@preact/signals";

/** Whether a call of this page runs, for those who must not disturb it. */
export const runningCall = signal(false);
