import { callPath, exchange } from "../api/http";
import type { Shown } from "./open-call";

export const FORMATS = ["srt", "vtt", "txt", "json"] as const;
export type Format = (typeof FORMATS)[number];

/** A version as the server writes it. The difference is of the page: its text is the canonical. */
export async function exported(callId: string, shown: Shown, format: Format): Promise<string> {
  const version = shown === "draft" ? "draft" : "canonical";
  const query = { version, format };
  return (await exchange("GET", callPath(callId, "/transcript"), { query })).text();
}

/** Ids are safe in file names but for what some systems keep for themselves. */
export function fileName(callId: string, shown: Shown, format: Format): string {
  const version = shown === "draft" ? "-draft" : "";
  return `${callId.replaceAll(/[^A-Za-z0-9._-]/g, "_")}${version}.${format}`;
}
