import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOf, type TimedSegment } from "../../src/words/columns";
import { Table } from "../../src/words/table";
import { courseOf, coursePaths, dots, moodAt, moodsOf } from "../../src/worth/curve";
import { insightsOf } from "../../src/worth/insights";
import { lanesOf } from "../../src/worth/lanes";
import { segment } from "../words/making";
import { answer, measured, metrics } from "./making";

function table(...segments: TimedSegment[]): Table {
  return new Table(columnsOf(segments, "canonical", "r"), "canonical");
}

const said = (from: number, channel = 0, speaker: string | null = null, sentiment?: number) => {
  return { ...segment("well then", from, channel), end: from + 1, speaker, sentiment };
};

describe("lanesOf", () => {
  it("has one for each channel where speakers are not told apart", () => {
    const lanes = lanesOf(table(said(0), said(2, 1), said(4)), 16, 2, null);
    expect(lanes.map(({ name, voice }) => [name, voice])).toEqual([
      ["Channel 1", 0],
      ["Channel 2", 1],
    ]);
    expect(lanes.map(({ talk }) => talk)).toEqual([
      "M0 0H100V1H0ZM400 0H500V1H400Z",
      "M200 0H300V1H200Z",
    ]);
    expect(lanes.map(({ share }) => share)).toEqual([2 / 3, 1 / 3]);
  });

  it("takes speakers by their names, and their share as it was measured", () => {
    const agent = measured("agent", { talk_share: 0.9 });
    const spoken = table(said(0, 1, "customer"), said(2, 0, "agent"));
    const told = answer({ metrics: metrics({ speakers: [agent] }) });
    const lanes = lanesOf(spoken, 10, 2, insightsOf(told));
    expect(lanes.map(({ name, voice, share }) => [name, voice, share])).toEqual([
      ["Agent", 0, 0.9],
      ["Customer", 1, 0.5],
    ]);
  });

  it("marks what was removed in the lane of who said it, wide enough to be seen", () => {
    const spoken = table(said(0, 0, "agent"), said(2, 1, "customer"));
    const removed = [
      { kind: "phone", start: 2, end: 2.001, channel: 1, speaker: "customer" },
      { kind: "pin", start: 0.5, end: 1, channel: 0, speaker: null },
    ];
    const lanes = lanesOf(spoken, 16, 2, insightsOf(answer({ removed })));
    expect(lanes.map((lane) => lane.removed)).toEqual(["M50 0H100V1H50Z", "M200 0H203V1H200Z"]);
  });

  it("finds in a draft's words what was removed", () => {
    const [first, second] = segment("call [PHONE]", 2).words;
    if (!first || !second) throw new Error("expected two words");
    const words = [first, { ...second, redacted: "phone" }];
    const [lane] = lanesOf(table({ ...said(2), words }), 16, 1, null);
    expect(lane?.removed).toBe("M250 0H290V1H250Z");
  });

  it("draws no more bars than can be seen, however long a call is", () => {
    const segments = Array.from({ length: 20_000 }, (_, at) => said(2 * at));
    const [lane] = lanesOf(table(...segments), 40_000, 1, null);
    expect(lane?.talk.split("M").length).toBeLessThan(1602);
    expect(lanesOf(table(said(0)), 0, 1, null)).toEqual([]);
  });
});

describe("courseOf", () => {
  const mood = fc.record({
    at: fc.double({ min: 0, max: 600, noNaN: true }),
    value: fc.double({ min: -1, max: 1, noNaN: true }),
    speaker: fc.constantFrom(null, "agent"),
  });

  it("never leaves what was felt", () => {
    fc.assert(
      fc.property(fc.array(mood, { minLength: 1 }), (moods) => {
        const points = moods.toSorted((a, b) => a.at - b.at);
        const known = courseOf(points, 600)?.values.filter((value) => value !== null) ?? [];
        const felt = points.map(({ value }) => value);
        for (const value of known) {
          expect(value).toBeGreaterThanOrEqual(Math.min(...felt) - 1e-9);
          expect(value).toBeLessThanOrEqual(Math.max(...felt) + 1e-9);
        }
      }),
    );
  });

  it("goes from one mood to the next over a silence, and is nothing before the first", () => {
    const of = (at: number, value: number) => ({ at, value, speaker: null });
    const course = courseOf([of(100, -1), of(500, 1)], 600);
    if (!course) throw new Error("expected a course");
    expect(moodAt(course, 300)).toBeCloseTo(0, 1);
    expect(moodAt(course, 20)).toBeNull();
    expect(moodAt(course, 500)).toBeGreaterThan(0.9);
    expect(moodAt(course, 590)).toBeNull();
    const { line, above, below } = coursePaths(course);
    for (const path of [line, above, below]) expect(path).toMatch(/^M[\d. L]+Z?$/);
    expect(courseOf([], 600)).toBeNull();
  });
});

it("takes single segments' moods where no curve is told", () => {
  const spoken = table(
    said(0, 0, "agent", 0.5),
    said(2, 1, "customer"),
    said(4, 1, "customer", -1),
  );
  const moods = moodsOf(spoken, null);
  expect(moods).toEqual([
    { at: 0.5, value: 0.5, speaker: "agent" },
    { at: 4.5, value: -1, speaker: "customer" },
  ]);
  expect([...dots(moods, 16)]).toEqual([
    ["agent", "M50 0.5h0"],
    ["customer", "M450 2h0"],
  ]);
  expect(dots(moods, 16, 1).size).toBe(0);
  const judged = { score: 0.1, judge: "vader", wished: "vader", language: "en", reason: "" };
  const agent = { speaker: "agent", score: 0.1, curve: [[3, 0.1] as [number, number]] };
  const told = insightsOf(answer({ sentiment: { ...judged, curve: [], speakers: [agent] } }));
  expect(moodsOf(spoken, told)).toEqual([{ at: 3, value: 0.1, speaker: "agent" }]);
});
