import { type ReadonlySignal, signal } from "@preact/signals";
import type { Alert } from "../api/events";
import type { Place, Rows } from "../transcript/rows";

const MOST_KEPT = 100;
const ROUNDED_S = 0.05; // times are told in milliseconds, and kept in single precision
const MOST_BEFORE = 50; // rows that may have begun since: others speak meanwhile

/** An alert with a name of its own: the server may tell one again after a connection broke. */
export interface Raised extends Alert {
  key: string;
}

/** The alerts of one call, as they came. */
export class Alerts {
  readonly list: ReadonlySignal<readonly Raised[]>;
  private readonly current = signal<readonly Raised[]>([]);
  private readonly known = new Set<string>();

  constructor() {
    this.list = this.current;
  }

  heard(alert: Alert): void {
    const key = [alert.event, alert.category, alert.rule].join(" ");
    if (this.known.has(key)) return;
    this.known.add(key);
    this.current.value = [...this.current.peek(), { ...alert, key }].slice(-MOST_KEPT);
  }
}

/** Those of the parts of a call that went on under other names, on one clock. */
export function joinedAlerts(
  parts: readonly { alerts: readonly Raised[]; from: number }[],
): readonly Raised[] {
  return parts.flatMap(({ alerts, from }, part) =>
    alerts.map((alert) => ({ ...alert, key: `${part} ${alert.key}`, at: alert.at + from })),
  );
}

/** Which alerts were told to a screen reader, for as long as the call is on the page. */
export class ToldAlerts {
  private readonly keys = new Set<string>();

  fresh(list: readonly Raised[]): Raised[] {
    const fresh = list.filter(({ key }) => !this.keys.has(key));
    for (const { key } of fresh) this.keys.add(key);
    return fresh;
  }
}

/** The word that an alert is about; null where its row is not there. */
export function placeOf(rows: Rows, { at, channel = null }: Alert): Place | null {
  if (rows.length === 0) return null;
  const last = rows.rowAt(at + ROUNDED_S);
  for (let index = last; index >= Math.max(0, last - MOST_BEFORE); index -= 1) {
    const row = rows.at(index);
    if (channel !== null && row.channel !== channel) continue;
    const word = row.words.findLastIndex(({ start }) => start <= at + ROUNDED_S);
    return { row: index, word: Math.max(0, word) };
  }
  return null;
}
