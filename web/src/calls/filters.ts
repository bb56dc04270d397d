import type { Status } from "../api/types";
import { link } from "../router";

/** What the list shows, as it stands in the address. */
export interface Filters {
  q: string;
  status: string;
  source: string;
  id: string;
  /** Days, as `YYYY-MM-DD` where the reader is; both count. */
  from: string;
  to: string;
}

/** The states of a call in the page's words. */
export const STATES: Record<Status, string> = {
  live: "running",
  recorded: "waiting",
  transcribing: "transcribing",
  done: "transcribed",
  failed: "failed",
};

export const NO_FILTERS: Filters = { q: "", status: "", source: "", id: "", from: "", to: "" };
const NAMES = ["q", "status", "source", "id", "from", "to"] as const;

export function filtersOf(query: URLSearchParams): Filters {
  return Object.fromEntries(
    NAMES.map((name) => [name, query.get(name) ?? ""]),
  ) as unknown as Filters;
}

export function filtersLink(filters: Filters): string {
  return link("calls", { ...filters });
}

/** Whether less than everything is asked for, the search aside. */
export function isFiltered({ q: _, ...filters }: Filters): boolean {
  return Object.values(filters).some(Boolean);
}

/** The same, as the API asks for it. */
export function asQuery({ status, source, id, from, to }: Filters) {
  return {
    ...{ status, source, id },
    started_after: midnight(from, 0),
    started_before: midnight(to, 1),
  };
}

/** Unix seconds of the beginning of a day, or of one some days later. */
function midnight(day: string, later: number): number | undefined {
  const [year, month, date] = day.split("-").map(Number);
  if (!year || !month || !date) return undefined;
  return new Date(year, month - 1, date + later).getTime() / 1000;
}
