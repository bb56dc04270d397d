import { describe, expect, it } from "vitest";
import { Captions } from "../../src/live/captions";
import { Told } from "../../src/live/told";
import { Table } from "../../src/words/table";
import { columns, segment } from "../words/making";

const at = (channel: number, utterance: number, start = utterance) => {
  return { channel, utterance, start, end: start + 1 };
};

describe("what a screen reader is told", () => {
  it("is each final once, also one that waited behind shorter ones", () => {
    const captions = new Captions();
    const told = new Told();
    const fresh = () => told.fresh(captions.rows.value);
    captions.heard({ type: "partial", ...at(0, 0), text: "well you see" });
    expect(fresh()).toEqual([]);
    for (let n = 0; n < 6; n += 1) {
      captions.heard({ type: "final", event: n + 1, ...at(1, n), text: `yes ${n}`, words: [] });
      expect(fresh()).toEqual([`yes ${n}`]);
    }
    captions.heard({ type: "final", event: 7, ...at(0, 0), text: "well you see it", words: [] });
    expect(fresh()).toEqual(["well you see it"]);
    expect(fresh()).toEqual([]);
  });

  it("is nothing of the canonical text, nor anything again when rows have moved", () => {
    const captions = new Captions();
    const told = new Told();
    captions.heard({ type: "partial", ...at(1, 0), text: "um" });
    captions.heard({ type: "final", event: 1, ...at(0, 0), text: "one", words: [] });
    expect(told.fresh(captions.rows.value)).toEqual(["one"]);
    captions.heard({ type: "no_words", channel: 1, utterance: 0 });
    expect(told.fresh(captions.rows.value)).toEqual([]);
    const canonical = new Table(columns(segment("one", 0), segment("two", 5)), "canonical");
    expect(told.fresh(canonical)).toEqual([]);
  });

  it("is what kind of thing was removed, and no brackets", () => {
    const captions = new Captions();
    const text = "my number is [PHONE] thanks";
    captions.heard({ type: "final", event: 1, ...at(0, 0), text, words: [] });
    expect(new Told().fresh(captions.rows.value)).toEqual([
      "my number is phone number, removed thanks",
    ]);
  });
});
