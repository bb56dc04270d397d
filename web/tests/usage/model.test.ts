import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { hours, money, roundTop } from "../../src/usage/amounts";
import { pathsOf } from "../../src/usage/bars";
import {
  byDay,
  gathered,
  isPart,
  type Line,
  OTHERS,
  pageOf,
  seriesOf,
  stacksOf,
} from "../../src/usage/model";
import { csvOf } from "../../src/usage/table";

const line = (day: string, name: string, audio_s: number): Line => {
  const rest = { compute_s: 1, cost: 0.5, passes: 1, attempts: 2, tokens_in: 70, tokens_out: 8 };
  return { day, name, audio_s, ...rest };
};

describe("pageOf", () => {
  it("reads rows by pass or engine, and leaves out what has no day", () => {
    const sums = { passes: 1, attempts: 2, audio_s: 60, compute_s: 3, cost: 0.1 };
    const rows = [
      { day: "2026-11-20", pass: "batch", engine: null, ...sums, tokens_in: 70, tokens_out: 8 },
      { day: "2026-11-20", pass: null, engine: "vosk", ...sums, audio_s: "much" },
      { day: null, ...sums },
    ];
    const answer = { currency: "USD", rows, total: sums, cursor: "next" };
    const page = pageOf(answer, "pass");
    expect(page.lines.map(({ name, audio_s }) => [name, audio_s])).toEqual([
      ["batch", 60],
      ["not known", 0],
    ]);
    const [, older] = page.lines; // of a server that did not count tokens yet
    expect(page.lines[0]).toMatchObject({ tokens_in: 70, tokens_out: 8 });
    expect(older).toMatchObject({ tokens_in: 0, tokens_out: 0 });
    expect(page).toMatchObject({ currency: "USD", total: sums, cursor: "next" });
    expect(pageOf(answer, "engine").lines[1]?.name).toBe("vosk");
    expect(pageOf(null, "pass")).toMatchObject({ lines: [], cursor: null });
  });
});

describe("what is drawn", () => {
  const lines = [
    line("2026-11-02", "live", 10),
    line("2026-11-02", "batch", 30),
    line("2026-11-03", "live", 5),
  ];

  it("has the largest series first, and a value for each day", () => {
    const series = seriesOf(lines, "audio_s");
    expect(series).toEqual([
      { name: "batch", total: 30 },
      { name: "live", total: 15 },
    ]);
    const days = ["2026-11-01", "2026-11-02", "2026-11-03"];
    expect(stacksOf(lines, days, series, "audio_s")).toEqual([
      [0, 0],
      [30, 10],
      [0, 5],
    ]);
  });

  it("loses nothing, however many series there are", () => {
    const lines = fc.array(
      fc.record({ name: fc.integer({ min: 0, max: 30 }), audio: fc.integer({ min: 0, max: 999 }) }),
    );
    fc.assert(
      fc.property(lines, (list) => {
        const each = list.map(({ name, audio }) => line("2026-11-01", `engine ${name}`, audio));
        const series = seriesOf(each, "audio_s");
        expect(series.length).toBeLessThanOrEqual(8);
        const [stack = []] = stacksOf(each, ["2026-11-01"], series, "audio_s");
        const all = list.reduce((sum, { audio }) => sum + audio, 0);
        expect(stack.reduce((sum, value) => sum + value, 0)).toBe(all);
        expect(series.map(({ total }) => total)).toEqual(stack);
      }),
    );
    const many = Array.from({ length: 20 }, (_, at) => line("2026-11-01", `e${at}`, 20 - at));
    expect(seriesOf(many, "audio_s").at(-1)?.name).toBe(OTHERS);
  });

  it("is a week together where there are too many days", () => {
    const days = Array.from({ length: 9 }, () => [1, 2]);
    expect(gathered(days, 7)).toEqual([
      [7, 14],
      [2, 4],
    ]);
    expect(gathered(days, 1)).toEqual(days);
  });

  it("stands on what is below it", () => {
    expect(
      pathsOf(
        2,
        [
          [50, 25],
          [0, 100],
        ],
        100,
      ),
    ).toEqual(["M1 100V50h8V100Z", "M1 50V25h8V50ZM11 100V0h8V100Z"]);
  });
});

it("lists the last day first, and in it the largest line", () => {
  const lines = [
    line("2026-11-02", "live", 1),
    line("2026-11-02", "batch", 9),
    line("2026-11-10", "live", 1),
  ];
  const told = byDay(lines, "audio_s").map(([day, of]) => [day, ...of.map(({ name }) => name)]);
  expect(told).toEqual([
    ["2026-11-10", "live"],
    ["2026-11-02", "batch", "live"],
  ]);
});

describe("amounts", () => {
  it.each([
    [0, "0 s"],
    [42.34, "42.3 s"],
    [60, "1 min"],
    [3600, "1 h"],
    [45_000, "12.5 h"],
    [3_700_000, "1,028 h"],
  ])("%f s are %s", (seconds, words) => {
    expect(hours(seconds)).toBe(words);
  });

  it("has as many digits as a cost needs", () => {
    expect(money(12.345, "USD")).toMatch(/12\.35|12\.34/);
    expect(money(0.00042, "USD")).toContain("0.00042");
    expect(money(3, "no currency")).toContain("no currency");
    expect(money(3, "")).toBe("3.00");
  });

  it("has axes with round tops that all fits under", () => {
    const most = fc.double({ min: 1e-6, max: 1e9, noNaN: true });
    fc.assert(
      fc.property(fc.constantFrom("audio_s" as const, "cost" as const), most, (measure, value) => {
        const top = roundTop(measure, value);
        expect(top).toBeGreaterThanOrEqual(value * 0.999);
        expect(top).toBeLessThanOrEqual(value * 10.01);
      }),
    );
    expect(roundTop("audio_s", 5000)).toBe(7200);
    expect(roundTop("cost", 0)).toBe(1);
  });
});

it("saves exact numbers, and nothing that a spreadsheet takes for a formula", () => {
  const total = line("", "", 0);
  const lines = [line("2026-11-02", '=1+"1"', 1.5)];
  const used = { from: "", to: "", split: "engine" as const, currency: "USD", lines, total };
  expect(csvOf(used)).toBe(
    "day,engine,audio_s,compute_s,cost_USD,passes,attempts,tokens_in,tokens_out\r\n" +
      '2026-11-02,"\'=1+""1""",1.5,1,0.5,1,2,70,8\r\n',
  );
});

it("tells what is a part of attempts from what came to nothing", () => {
  const enrichment = { ...line("2026-11-02", "enrichment", 0), passes: 0, attempts: 0 };
  expect(isPart(enrichment)).toBe(true);
  expect(isPart({ ...enrichment, attempts: 1 })).toBe(false); // failed before it had any audio
});
