import { describe, expect, it } from "vitest";
import { clock, moment, percent, size } from "../../src/ui/format";

describe("clock", () => {
  it.each([
    [0, "0:00"],
    [-1, "0:00"],
    [7.9, "0:07"],
    [750, "12:30"],
    [3723, "1:02:03"],
    [36_000, "10:00:00"],
  ])("%s s is %s", (seconds, text) => {
    expect(clock(seconds)).toBe(text);
  });
});

describe("size", () => {
  it.each([
    [0, "0 B"],
    [999, "999 B"],
    [1000, "1.0 KB"],
    [5.9e6, "5.9 MB"],
    [5e9, "5.0 GB"],
    [2e16, "20000.0 TB"],
  ])("%s bytes are %s", (bytes, text) => {
    expect(size(bytes)).toBe(text);
  });
});

describe("moment", () => {
  const now = new Date(2026, 10, 24, 16, 0).getTime();

  it("says today", () => {
    expect(moment(new Date(2026, 10, 24, 14, 3).getTime() / 1000, now)).toMatch(/^today /);
  });

  it("names the day otherwise", () => {
    expect(moment(new Date(2026, 10, 23, 14, 3).getTime() / 1000, now)).toContain("2026");
  });
});

it("percent keeps one decimal", () => {
  expect(percent(0.0834)).toBe("8.3 %");
});
