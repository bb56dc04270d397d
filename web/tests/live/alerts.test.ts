import { describe, expect, it } from "vitest";
import type { Alert, Caption } from "../../src/api/events";
import { Alerts, joinedAlerts, placeOf, ToldAlerts } from "../../src/live/alerts";
import { Captions } from "../../src/live/captions";

const alert = (event: number, at: number, channel: number | null = 0): Alert => {
  const of = { rule: "wants to cancel", category: "cancellation", suggestion: "Ask why." };
  return { type: "alert", event, at, channel, ...of };
};

const final = (event: number, start: number, channel: number, text: string): Caption => ({
  ...{ type: "final", event, channel, utterance: event, start, end: start + 3, text },
  words: text
    .split(" ")
    .map((word, at) => ({ text: word, start: start + at, end: start + at + 0.9 })),
});

function heard(...alerts: Alert[]): Alerts {
  const list = new Alerts();
  for (const each of alerts) list.heard(each);
  return list;
}

describe("Alerts", () => {
  it("are shown once each, however often they are told", () => {
    const { list } = heard(alert(3, 1), alert(3, 1), alert(8, 20));
    expect(list.value.map(({ event }) => event)).toEqual([3, 8]);
  });

  it("are of one clock where a call went on under another name", () => {
    const parts = [heard(alert(1, 2)), heard(alert(1, 2))].map(({ list }, part) => {
      return { alerts: list.value, from: 60 * part };
    });
    const joined = joinedAlerts(parts);
    expect(joined.map(({ at }) => at)).toEqual([2, 62]);
    expect(new Set(joined.map(({ key }) => key)).size).toBe(2);
  });

  it("are told aloud once, also where the view is left and opened again", () => {
    const alerts = heard(alert(1, 2));
    const told = new ToldAlerts();
    expect(told.fresh(alerts.list.value)).toHaveLength(1);
    alerts.heard(alert(2, 9));
    expect(told.fresh(alerts.list.value).map(({ event }) => event)).toEqual([2]);
    expect(told.fresh(alerts.list.value)).toEqual([]);
  });
});

describe("placeOf", () => {
  const captions = new Captions();
  captions.heard(final(1, 10, 0, "i want to leave"));
  captions.heard(final(2, 11, 1, "oh no why"));
  captions.heard(alert(1, 12) as Caption); // is no caption: it makes no row
  const rows = captions.rows.value;

  it("finds the word on the channel of who said it", () => {
    expect(rows.length).toBe(2);
    expect(placeOf(rows, alert(1, 12))).toEqual({ row: 0, word: 2 });
    expect(placeOf(rows, alert(2, 12.02, 1))).toEqual({ row: 1, word: 1 });
  });

  it("finds what was said then where it is about what nobody said", () => {
    expect(placeOf(rows, alert(2, 60, null))).toEqual({ row: 1, word: 2 });
  });

  it("finds nothing where there is nothing, or nobody has spoken there", () => {
    expect(placeOf(new Captions().rows.value, alert(1, 1))).toBeNull();
    expect(placeOf(rows, alert(1, 12, 5))).toBeNull();
  });
});
