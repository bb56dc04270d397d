import type { Status } from "../api/types";

/** What is asked before a call is deleted. */
export function deletion(callId: string, status: Status | undefined) {
  const ends =
    status === "live" ? "It is running: it ends at once, for whoever speaks in it. " : "";
  return {
    title: `Delete ${callId}?`,
    text: `${ends}Its sound, both transcripts and all else that is kept of it go, for good.`,
    verb: "Delete it",
    keep: "Keep it",
  };
}
