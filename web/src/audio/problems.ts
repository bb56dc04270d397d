import { ApiError } from "../api/problem";

/** What goes wrong with sound in a browser, in people's words. */
const PROBLEMS = {
  insecure: {
    message: "The browser gives no microphone to this page.",
    hint: "It does so over HTTPS and on localhost only: open the page at such an address.",
  },
  no_worklet: {
    message: "This browser cannot record sound the way the page needs (AudioWorklet).",
    hint: "Use a current Firefox, Chrome, Edge or Safari, or upload a recording under Calls.",
  },
  refused: {
    message: "The microphone was not allowed.",
    hint: "Allow it for this page (beside the address, or in the system's settings), and try again.",
  },
  missing: {
    message: "There is no microphone.",
    hint: "Plug one in, and try again; or play a file.",
  },
  gone: {
    message: "The chosen microphone is not there.",
    hint: "Choose another one.",
  },
  claimed: {
    message: "The microphone cannot be opened.",
    hint: "Another program may be using it: close that, and try again.",
  },
  rate: {
    message: "The sound card runs at a rate that the server does not take.",
    hint: "Set it to 48,000 or 44,100 Hz in the system's settings.",
  },
  rate_changed: {
    message: "This microphone runs at another rate than the call.",
    hint: "Choose another one, or end this call and begin a new one.",
  },
  channels_changed: {
    message: "This microphone has another number of channels than the call.",
    hint: "Choose another one, or end this call and begin a new one.",
  },
  broken: {
    message: "The file breaks off before its end.",
    hint: "What was played counts. Upload the file under Calls: the server may read on.",
  },
  unplayable: {
    message: "The browser cannot play this file.",
    hint: "Upload it under Calls: the server reads more formats.",
  },
  silent: {
    message: "The file has no sound.",
    hint: "Choose another one.",
  },
} as const;

export type SoundProblem = keyof typeof PROBLEMS;

export function soundError(code: SoundProblem): ApiError {
  return new ApiError({ code: `sound_${code}`, retryable: true, ...PROBLEMS[code] });
}

/** The error of getUserMedia in people's words (Media Capture and Streams, 10.2). */
export function microphoneError(error: unknown): ApiError {
  const name = error instanceof DOMException || error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return soundError("refused");
  if (name === "NotFoundError") return soundError("missing");
  if (name === "OverconstrainedError") return soundError("gone");
  return soundError("claimed");
}
