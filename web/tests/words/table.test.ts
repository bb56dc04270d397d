import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { columnsOf } from "../../src/words/columns";
import { lastBefore, Table } from "../../src/words/table";
import { columns, segment } from "./making";

describe("lastBefore", () => {
  it("agrees with a search from the front", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 0, max: 50 })),
        fc.integer({ min: -5, max: 60 }),
        (list, limit) => {
          const rising = list.toSorted((a, b) => a - b);
          expect(lastBefore(rising, limit)).toBe(rising.findLastIndex((value) => value <= limit));
        },
      ),
    );
  });
});

describe("Table", () => {
  const talk = columns(
    segment("one two three", 0), // 0 to 1.4
    segment("uh", 0.6, 1),
    segment("four", 10),
  );

  it("makes a row once", () => {
    const table = new Table(talk, "canonical");
    expect(table.at(1)).toBe(table.at(1));
    expect(table.at(0).words.map(({ text }) => text)).toEqual(["one", "two", "three"]);
    expect(() => table.at(3)).toThrow(RangeError);
    expect(() => table.at(-1)).toThrow(RangeError);
  });

  it.each([
    [0.1, [[0, 0]]],
    [0.45, [[0, 0]]], // between two words the first one sounds on
    [
      0.7,
      [
        [0, 1],
        [1, 0],
      ],
    ],
    [1.39, [[0, 2]]],
    [5, []],
    [10.2, [[2, 0]]],
    [99, []],
  ] as const)("at %s s sounds %j", (second, places) => {
    const found = new Table(talk, "canonical").soundingAt(second);
    expect(found.map(({ row, word }) => [row, word])).toEqual(places);
  });

  it("finds a long segment that began before others", () => {
    const long = segment("a b c d e f g h", 0);
    const table = new Table(columns(long, segment("x", 1, 1), segment("y", 2, 1)), "draft");
    expect(table.soundingAt(3.6).map(({ row }) => row)).toEqual([0]);
  });

  it("leads to the row of a second", () => {
    const table = new Table(talk, "draft");
    expect([0, 0.7, 9.9, 10, 99].map((second) => table.rowAt(second))).toEqual([0, 1, 1, 2, 2]);
    expect(new Table(columnsOf([], "draft", "r"), "draft").rowAt(3)).toBe(0);
  });

  it("marks what is new only where it is asked to", () => {
    const marked = segment("one two", 0);
    marked.words = marked.words.map((word, at) => ({ ...word, mark: at }));
    const marks = (shown: "none" | "added") =>
      new Table(columns(marked), "canonical", shown).at(0).words.map(({ mark }) => mark);
    expect(marks("none")).toEqual([undefined, undefined]);
    expect(marks("added")).toEqual([undefined, "added"]);
  });
});
