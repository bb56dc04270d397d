import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Segment } from "../../src/api/types";
import {
  buffersOf,
  columnsOf,
  fold,
  segmentAt,
  segmentOf,
  type TimedSegment,
} from "../../src/words/columns";

const seconds = fc.float({ min: 0, max: 36_000, noNaN: true });
const word = fc.record({
  text: fc
    .string({ unit: "grapheme", minLength: 1, maxLength: 12 })
    .map((text) => text.replaceAll(/\s/g, "x")),
  start: seconds,
  end: seconds,
  probability: fc.constantFrom(null, 0, 0.25, 1),
  mark: fc.constantFrom(0, 1, 2),
  redacted: fc.constantFrom(null, null, "phone", "cvv"),
});
const segments: fc.Arbitrary<TimedSegment[]> = fc.array(
  fc.record({
    channel: fc.constantFrom(0, 1),
    speaker: fc.constantFrom(null, "A", "B"),
    start: seconds,
    end: seconds,
    spaced: fc.boolean(),
    failed: fc.boolean(),
    sentiment: fc.constantFrom(null, -1, 0, 0.5),
    words: fc.array(word, { maxLength: 6 }),
  }),
  { maxLength: 8 },
);

describe("columnsOf", () => {
  it("loses nothing", () => {
    fc.assert(
      fc.property(segments, (list) => {
        const columns = columnsOf(list, "draft", "r");
        expect(list.map((_, index) => segmentAt(columns, index))).toEqual(list);
      }),
    );
  });

  it("can be handed over whole", () => {
    const columns = columnsOf([], "draft", "r");
    const views = Object.values(columns).filter((value) => ArrayBuffer.isView(value));
    expect(buffersOf(columns)).toHaveLength(views.length);
    expect(new Set(buffersOf(columns)).size).toBe(views.length);
  });
});

describe("segmentOf", () => {
  const body: Segment = {
    ...{ number: 1, channel: 0, speaker: null, start: 10, end: 12, probability: null },
    ...{ text: "good morning to you", words: [], failed: false, engine: "" },
  };

  it("spreads the words of an engine without word times over the segment", () => {
    const { words } = segmentOf(body);
    expect(words.map(({ text }) => text)).toEqual(["good", "morning", "to", "you"]);
    expect(words.map(({ start }) => start)).toEqual([10, 10.5, 11, 11.5]);
  });

  it("sees what was removed where words have no times of their own", () => {
    const { words } = segmentOf({ ...body, text: "call [PHONE-3f9a2c], please" });
    expect(words.map(({ redacted }) => redacted)).toEqual([null, "phone", null]);
    const withheld = segmentOf({ ...body, text: "[WITHHELD]" });
    expect(withheld.words).toMatchObject([{ text: "[WITHHELD]", redacted: "withheld" }]);
  });

  it("sees whether the script sets spaces", () => {
    const two = [
      { text: "今日", start: 0, end: 1 },
      { text: "は", start: 1, end: 2 },
    ];
    expect(segmentOf({ ...body, text: "今日は", words: two }).spaced).toBe(false);
    expect(segmentOf(body).spaced).toBe(true);
  });
});

describe("fold", () => {
  it.each([
    ["Café,", "cafe"],
    ["“Hello!”", "hello"],
    ["don't", "don't"],
    ["…", "..."],
    ["ＡＢＣ", "abc"],
    ["שָׁלוֹם", "שלום"],
  ])("%s is %s", (given, folded) => {
    expect(fold(given)).toBe(folded);
  });
});
