import { bodyOf, problemIn, problemOf, unreachable } from "../api/problem";
import type { Problem, TranscriptBody } from "../api/types";
import { buffersOf, type Columns, columnsOf, segmentOf } from "./columns";
import { difference } from "./diff";

/** Fetches, parses and compares transcripts away from the page: ten hours are 7 MB of JSON. */
export interface Reading {
  id: number;
  /** One address to read, or the draft's and the canonical transcript's, to compare. */
  urls: string[];
  /** Of two: whether words that only the draft has are shown. */
  shown: "all" | "added";
  headers: Record<string, string>;
}

export type Read =
  | { id: number; columns: Columns; added: number; removed: number }
  | { id: number; error: Problem };

addEventListener("message", async ({ data }: MessageEvent<Reading>) => {
  try {
    const read = await Promise.all(data.urls.map((url) => fetched(url, data.headers)));
    const [first, second] = read;
    if (!first) return;
    const result = second
      ? difference(first, second, data.shown)
      : { table: first, added: 0, removed: 0 };
    const { table, added, removed } = result;
    postMessage({ id: data.id, columns: table, added, removed } satisfies Read, {
      transfer: buffersOf(table),
    });
  } catch (error) {
    postMessage({ id: data.id, error: told(error) } satisfies Read);
  }
});

async function fetched(url: string, headers: Record<string, string>): Promise<Columns> {
  const response = await fetch(url, { headers, cache: "no-store" }).catch(() => {
    throw unreachable();
  });
  if (!response.ok) throw await problemOf(response);
  const body = await bodyOf<TranscriptBody>(response);
  return columnsOf(body.segments.map(segmentOf), body.version, body.revision);
}

function told(error: unknown): Problem {
  return (
    problemIn({ error }) ?? {
      code: "page_error",
      message: "The transcript could not be read.",
      hint: "Load the page again.",
      retryable: true,
    }
  );
}
