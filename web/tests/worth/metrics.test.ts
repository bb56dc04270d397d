import { describe, expect, it } from "vitest";
import { callLines, span, speakerRows } from "../../src/worth/metrics";
import { measured, metrics } from "./making";

it("tells what was measured, and only that", () => {
  const agent = { talk_s: 90, talk_share: 0.6, turns: 4, interruptions: 1, questions: 3 };
  const call = metrics({
    ...{ silence_s: 20, silence_share: 0.1, talk_over_s: 1.5, hold_s: 70, holds: 2, turns: 7 },
    speakers: [measured("agent", agent), measured("customer", { talk_s: 60, talk_share: 0.4 })],
  });
  expect(callLines(call)).toEqual([
    { name: "Silence", words: "10.0 % · 20 s" },
    { name: "Longest silence", words: "0.0 s" },
    { name: "Both at once", words: "1.5 s" },
    { name: "On hold", words: "1 min 10 s, 2 times" },
    { name: "Turns", words: "7" },
  ]);
  expect(speakerRows(call)).toEqual([
    { name: "Talk", cells: ["60.0 % · 1 min 30 s", "40.0 % · 1 min"] },
    { name: "Longest turn", cells: ["0.0 s", "0.0 s"] },
    { name: "Interrupts", cells: ["once", "never"] },
    { name: "Questions", cells: ["3", "–"] },
  ]);
});

it("says that nobody was put on hold", () => {
  expect(callLines(metrics())).toContainEqual({ name: "On hold", words: "never" });
  expect(speakerRows(metrics())).toEqual([]);
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
