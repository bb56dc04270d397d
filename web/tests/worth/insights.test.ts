import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { insightsOf, isEmpty } from "../../src/worth/insights";
import { topicsOf } from "../../src/worth/topics";

describe("insightsOf", () => {
  it("reads whatever JSON comes, and stays in its bounds", () => {
    const names = ["speakers", "removed", "removed_counts", "sentiment", "metrics", "categories"];
    const name = fc.constantFrom(...names, "lead", "failed_stages", "matches");
    fc.assert(
      fc.property(fc.dictionary(name, fc.jsonValue()), (answer) => {
        const insights = insightsOf(answer);
        expect(typeof isEmpty(insights)).toBe("boolean");
        for (const { value } of insights.sentiment?.curve ?? [])
          expect(Math.abs(value) <= 1).toBe(true);
        if (insights.lead)
          expect(insights.lead.score >= 0 && insights.lead.score <= 100).toBe(true);
      }),
    );
  });

  it("is empty where nothing was found out", () => {
    expect(isEmpty(insightsOf({ call_id: "c", revision: "r", failed_stages: [] }))).toBe(true);
    expect(isEmpty(insightsOf(null))).toBe(true);
    expect(isEmpty(insightsOf({ failed_stages: [{ stage: "sentiment", code: "x" }] }))).toBe(false);
  });

  it("counts what was removed where nobody has", () => {
    const one = { kind: "phone", start: 1, end: 2, channel: 1, speaker: "customer" };
    const { removed, counts } = insightsOf({
      removed: [one, { ...one, start: 5, end: 4 }, { kind: 3 }],
    });
    expect(removed).toEqual([one, { ...one, start: 5, end: 5 }]);
    expect(counts).toEqual([["phone", 2]]);
    const told = insightsOf({ removed: [one], removed_counts: { cvv: 1, phone: 3, pin: 0 } });
    expect(told.counts).toEqual([
      ["phone", 3],
      ["cvv", 1],
    ]);
  });

  it("brings the curve in order and within its range", () => {
    const curve = [
      { at: 9, value: -3, speaker: "a" },
      { at: 2, value: 0.5 },
      { at: "x", value: 0 },
    ];
    expect(insightsOf({ sentiment: { curve } }).sentiment?.curve).toEqual([
      { at: 2, value: 0.5, speaker: null },
      { at: 9, value: -1, speaker: "a" },
    ]);
  });

  it("takes speakers with curves of their own", () => {
    const curve = [[1, 0.2]];
    const agent = { speaker: "agent", score: 0.4, curve };
    const sentiment = { score: -0.1, judge: "vader", curve, speakers: [agent, { score: 1 }] };
    expect(insightsOf({ sentiment }).sentiment).toEqual({
      ...{ call: -0.1, method: "vader", speakers: [["agent", 0.4]] },
      curve: [
        { at: 1, value: 0.2, speaker: null },
        { at: 1, value: 0.2, speaker: "agent" },
      ],
    });
  });

  it("knows a score's reasons with their times, however they are told", () => {
    const fired = [
      {
        rule: "asks for a price",
        points: 12,
        times: [
          [3.5, 4],
          [40, 41],
        ],
        value: null,
      },
      { name: "talks much", weight: -4, matches: [{ start: 7, end: 8 }] },
      { rule: "early", points: 1, at: 2, value: 0.4 },
      "by hand",
      { points: 3 },
    ];
    const lead = { score: 400, calibrated: "yes", fired, unjudged: ["sounds glad"] };
    const none = { times: [], value: null };
    const expected = {
      ...{ score: 100, calibrated: false, probability: null, unjudged: ["sounds glad"] },
      reasons: [
        { rule: "asks for a price", points: 12, times: [3.5, 40], value: null },
        { ...none, rule: "talks much", points: -4, times: [7] },
        { rule: "early", points: 1, times: [2], value: 0.4 },
        { ...none, rule: "by hand", points: null },
      ],
    };
    expect(insightsOf({ lead }).lead).toEqual(expected);
    const told = { ...lead, fired: undefined, reasons: fired };
    expect(insightsOf({ lead: told }).lead).toEqual(expected);
  });

  it("says which rules could not be judged", () => {
    const rules = { categories: [], matches: [], unjudged: [["compliance", "is announced"]] };
    expect(insightsOf({ rules }).unjudged).toEqual(["is announced"]);
  });
});

describe("topicsOf", () => {
  it("takes categories with their matches in them", () => {
    const matches = [
      { start: 1, end: 2, speaker: "customer" },
      { start: 9, end: 10, speaker: null },
    ];
    expect(topicsOf([{ name: "escalation", matches }], undefined)).toEqual([
      { name: "escalation", matches: [{ rule: "escalation", must: "say", times: [1, 9] }] },
    ]);
  });

  it("takes a report of rules, and keeps apart what was not said", () => {
    const of = { category: "compliance", start: 60, end: 60 };
    const report = {
      categories: ["interest", "compliance"],
      matches: [
        { ...of, rule: "recording is announced", must: "must_say" },
        { ...of, rule: "code", must: "must_not_say", start: 12 },
        { ...of, rule: "code", must: "must_not_say", start: 30 },
      ],
    };
    expect(topicsOf(report, undefined)).toEqual([
      { name: "interest", matches: [] },
      {
        name: "compliance",
        matches: [
          { rule: "recording is announced", must: "must_say", times: [60] },
          { rule: "code", must: "must_not_say", times: [12, 30] },
        ],
      },
    ]);
  });
});
