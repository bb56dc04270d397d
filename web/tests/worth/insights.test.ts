import { describe, expect, it } from "vitest";
import type { LeadBody, RulesBody } from "../../src/api/types";
import { insightsOf, isEmpty } from "../../src/worth/insights";
import { topicsOf } from "../../src/worth/topics";
import { answer, metrics } from "./making";

describe("insightsOf", () => {
  it("is empty where nothing was found out", () => {
    expect(isEmpty(insightsOf(answer()))).toBe(true);
    expect(isEmpty(insightsOf(answer({ removed: [], removed_counts: {} })))).toBe(true);
    expect(isEmpty(insightsOf(answer({ metrics: metrics() })))).toBe(false);
    const failed_stages = [{ stage: "sentiment", code: "llm_failed" }];
    expect(isEmpty(insightsOf(answer({ failed_stages })))).toBe(false);
  });

  it("takes null for what was not asked for", () => {
    const nothing = { removed: null, removed_counts: null, sentiment: null, metrics: null };
    const of = answer({ ...nothing, speakers: null, rules: null, lead: null });
    expect(insightsOf(of)).toEqual(insightsOf(answer()));
  });

  it("has the kinds that were removed most often first", () => {
    const one = { kind: "phone", start: 1, end: 2, channel: 1, speaker: "customer" };
    const { removed, counts } = insightsOf(
      answer({ removed: [one], removed_counts: { cvv: 1, phone: 3 } }),
    );
    expect(removed).toEqual([one]);
    expect(counts).toEqual([
      ["phone", 3],
      ["cvv", 1],
    ]);
  });

  it("has one curve of the call and its speakers, by time", () => {
    const told = { judge: "vader", wished: "llm:small", language: "en", reason: "llm_failed" };
    const { sentiment } = insightsOf(
      answer({
        sentiment: {
          ...told,
          score: -0.1,
          curve: [
            [1, 0.2],
            [9, -0.4],
          ],
          speakers: [
            { speaker: "agent", score: 0.4, curve: [[3, 0.4]] },
            { speaker: "customer", score: null, curve: [] },
          ],
        },
      }),
    );
    expect(sentiment).toEqual({
      ...{ call: -0.1, judge: "vader", speakers: [["agent", 0.4]] },
      curve: [
        { at: 1, value: 0.2, speaker: null },
        { at: 3, value: 0.4, speaker: "agent" },
        { at: 9, value: -0.4, speaker: null },
      ],
    });
  });

  it("has a score's reasons with the moments at which they begin", () => {
    const lead: LeadBody = {
      ...{ score: 62, base: 54, calibrated: true, probability: 0.4 },
      ...{ rubric: "default", fingerprint: "f" },
      unjudged: ["sounds glad"],
      fired: [
        {
          rule: "asks for a price",
          points: 12,
          times: [
            [3.5, 4],
            [40, 41],
          ],
          value: null,
        },
        { rule: "talks much", points: -4, times: [], value: 0.7 },
      ],
    };
    expect(insightsOf(answer({ lead })).lead).toEqual({
      ...{ score: 62, base: 54, calibrated: true, probability: 0.4, unjudged: ["sounds glad"] },
      reasons: [
        { rule: "asks for a price", points: 12, times: [3.5, 40], value: null },
        { rule: "talks much", points: -4, times: [], value: 0.7 },
      ],
    });
    const { base, ...before } = lead;
    expect(insightsOf(answer({ lead: before })).lead?.base).toBeNull();
  });
});

const where = { segment: 1, channel: 0, words: null };
const report: RulesBody = {
  categories: ["interest", "compliance"],
  matches: [
    { ...where, category: "interest", rule: "price", must: "say", start: 5, end: 6 },
    { ...where, category: "compliance", rule: "code", must: "must_not_say", start: 12, end: 13 },
    { ...where, category: "compliance", rule: "code", must: "must_not_say", start: 30, end: 31 },
    { ...where, category: "compliance", rule: "announced", must: "must_say", start: 60, end: 60 },
  ],
  unjudged: [["compliance", "is polite"]],
  fingerprint: "f",
};

describe("topicsOf", () => {
  it("has a rule once in its category, with all its times", () => {
    expect(topicsOf(report)).toEqual([
      { name: "interest", matches: [{ rule: "price", must: "say", times: [5] }] },
      {
        name: "compliance",
        matches: [
          { rule: "code", must: "must_not_say", times: [12, 30] },
          { rule: "announced", must: "must_say", times: [60] },
        ],
      },
    ]);
  });

  it("comes with the rules that could not be judged", () => {
    const { topics, unjudged } = insightsOf(answer({ rules: report }));
    expect(topics.map(({ name }) => name)).toEqual(["interest", "compliance"]);
    expect(unjudged).toEqual(["is polite"]);
  });
});
