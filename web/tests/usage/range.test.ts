import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { daysBetween, MOST_DAYS, plusDays, wishLink, wishOf } from "../../src/usage/range";

const now = new Date("2026-03-17T23:59:00Z");
const asked = (search: string) => wishOf(new URLSearchParams(search), now);

describe("the days that are shown", () => {
  it("are this month's, unless others are asked for", () => {
    expect(asked("")).toEqual({
      ...{ span: "month", from: "2026-03-01", to: "2026-03-17" },
      ...{ split: "pass", measure: "audio_s" },
    });
    expect(asked("span=30&by=engine&show=cost")).toMatchObject({
      ...{ from: "2026-02-16", to: "2026-03-17", split: "engine", measure: "cost" },
    });
  });

  it("are in their order, and a year at most", () => {
    expect(asked("span=custom&from=2026-02-03&to=2026-01-01")).toMatchObject({
      ...{ from: "2026-01-01", to: "2026-02-03" },
    });
    const { from, to } = asked("span=custom&from=1999-01-01&to=2026-01-01");
    expect(daysBetween(from, to)).toHaveLength(MOST_DAYS);
    expect(to).toBe("2026-01-01");
  });

  it("are sane whatever the address says", () => {
    const text = fc.oneof(fc.string(), fc.constantFrom("2026-02-31", "2026-13-01", "custom"));
    fc.assert(
      fc.property(
        fc.dictionary(fc.constantFrom("span", "from", "to", "by", "show"), text),
        (of) => {
          const { from, to } = wishOf(new URLSearchParams({ span: "custom", ...of }), now);
          const days = daysBetween(from, to);
          expect(days.length).toBeGreaterThan(0);
          expect(days.length).toBeLessThanOrEqual(MOST_DAYS);
        },
      ),
    );
  });

  it("come back from the address", () => {
    const wish = asked("span=custom&from=2026-01-01&to=2026-01-05&by=engine&show=compute_s");
    const search = wishLink(wish).split("?")[1] ?? "";
    expect(asked(search)).toEqual(wish);
  });

  it("count over the change of the clocks", () => {
    expect(daysBetween("2026-03-28", "2026-03-30")).toEqual([
      ...["2026-03-28", "2026-03-29", "2026-03-30"],
    ]);
    expect(plusDays("2026-03-01", -1)).toBe("2026-02-28");
  });
});
