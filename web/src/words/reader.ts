import { address, authorization, callPath } from "../api/http";
import { ApiError } from "../api/problem";
import type { Columns } from "./columns";
import type { Read, Reading } from "./reader.worker";

export type Version = "best" | "draft" | "canonical";

/** What was read; `added` and `removed` count words where two versions were compared. */
export interface ReadTranscript {
  columns: Columns;
  added: number;
  removed: number;
}

interface Waiting {
  resolve: (read: ReadTranscript) => void;
  reject: (error: ApiError) => void;
}

const waiting = new Map<number, Waiting>();
let worker: Worker | undefined;
let count = 0;

/** A version of a call's transcript. Throws ApiError. */
export function readTranscript(
  callId: string,
  version: Version,
  ticket?: string,
): Promise<ReadTranscript> {
  return read([transcriptAddress(callId, version, ticket)]);
}

/** The canonical transcript, marked where it is not the draft; "all": with the draft's lost words
 * where they stood. Throws ApiError. */
export function readDifference(
  callId: string,
  shown: "all" | "added",
  ticket?: string,
): Promise<ReadTranscript> {
  const versions = ["draft", "canonical"] as const;
  return read(
    versions.map((version) => transcriptAddress(callId, version, ticket)),
    shown,
  );
}

function transcriptAddress(callId: string, version: Version, ticket: string | undefined): string {
  return address(callPath(callId, "/transcript"), { version, ticket }).href;
}

function read(urls: string[], shown: "all" | "added" = "all"): Promise<ReadTranscript> {
  worker ??= started();
  const id = ++count;
  worker.postMessage({ id, urls, shown, headers: authorization() } satisfies Reading);
  return new Promise((resolve, reject) => waiting.set(id, { resolve, reject }));
}

function started(): Worker {
  const started = new Worker(new URL("./reader.worker.ts", import.meta.url), { type: "module" });
  started.onmessage = ({ data }: MessageEvent<Read>) => {
    const { resolve, reject } = waiting.get(data.id) ?? {};
    waiting.delete(data.id);
    if ("error" in data) reject?.(new ApiError(data.error));
    else setTimeout(() => resolve?.(data)); // taking it in and drawing it are a frame's work each
  };
  started.onerror = () => {
    for (const { reject } of waiting.values()) reject(lost());
    waiting.clear();
    worker = undefined;
  };
  return started;
}

function lost(): ApiError {
  return new ApiError({
    code: "page_error",
    message: "A part of the page could not be loaded.",
    hint: "Load the page again.",
    retryable: true,
  });
}
