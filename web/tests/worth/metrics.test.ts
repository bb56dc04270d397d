import { describe, expect, it } from "vitest";
import { callLines, metricsOf, span, speakerRows } from "../../src/worth/metrics";

const agent = { speaker: "agent", talk_s: 90, talk_share: 0.6, interruptions: 1, questions: null };
const customer = { speaker: "customer", talk_s: 60, talk_share: 0.4, interruptions: 0 };

it("tells what was measured, and only that", () => {
  const metrics = metricsOf({
    ...{ silence_s: 20, silence_share: 0.1, talk_over_s: null, hold_s: 0, holds: 0 },
    speakers: [agent, customer, { talk_s: 3 }],
  });
  if (!metrics) throw new Error("expected metrics");
  expect(callLines(metrics)).toEqual([
    { name: "Silence", words: "10.0 % · 20 s" },
    { name: "On hold", words: "never" },
  ]);
  expect(speakerRows(metrics)).toEqual([
    { name: "Talk", cells: ["60.0 % · 1 min 30 s", "40.0 % · 1 min"] },
    { name: "Interrupts", cells: ["once", "never"] },
  ]);
});

it("is nothing where nothing was measured", () => {
  expect(metricsOf(undefined)).toBeNull();
  expect(metricsOf({ speakers: [] })).toBeNull();
});

describe("span", () => {
  it.each([
    [0.84, "0.8 s"],
    [9.97, "10.0 s"],
    [59.6, "1 min"],
    [185, "3 min 5 s"],
    [3600, "1 h"],
    [3720, "1 h 2 min"],
  ])("%f is %s", (seconds, words) => {
    expect(span(seconds)).toBe(words);
  });
});
