import { signal } from "@preact/signals";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { changes, Finding, wordsOf } from "../../src/call/finding";
import { ADDED, REMOVED, SAME } from "../../src/words/columns";
import { placeOf } from "../../src/words/find";
import { Table } from "../../src/words/table";
import { columns, segment } from "../words/making";

const talk = () =>
  columns(segment("one two three", 0), segment("four", 10), segment("five two", 20));

describe("changes", () => {
  it("are the runs of words that differ, over rows without words", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4)),
        fc.array(fc.constantFrom(SAME, ADDED, REMOVED)),
        (rows, marks) => {
          const made = columns(...rows.map((count, row) => segment("w ".repeat(count), 10 * row)));
          made.marks.set(marks.slice(0, made.marks.length));
          const differing = [...made.marks.keys()].filter((word) => made.marks[word] !== SAME);
          const runs = changes(made);
          expect(runs.flat()).toEqual(differing.map((word) => placeOf(made, word)));
          const begins = differing.filter((word) => !differing.includes(word - 1));
          expect(runs.map(([first]) => first)).toEqual(begins.map((word) => placeOf(made, word)));
        },
      ),
    );
  });
});

describe("Finding", () => {
  const finding = () => new Finding(signal(new Table(talk(), "canonical")), signal(false));

  it("begins with the place at or after a second", () => {
    const found = finding();
    found.ask("two", 15);
    expect(found.shown.value).toEqual({ row: 2, word: 1 });
    found.ask("two");
    expect(found.shown.value).toEqual({ row: 0, word: 1 });
    found.ask("two", 99); // nothing is later: the first
    expect(found.shown.value).toEqual({ row: 0, word: 1 });
  });

  it("turns around at either end", () => {
    const found = finding();
    found.ask("two");
    found.turn(1);
    expect(found.at.value).toBe(1);
    found.turn(1);
    expect(found.at.value).toBe(0);
    found.turn(-1);
    expect(found.at.value).toBe(1);
    found.ask("nowhere");
    found.turn(1);
    expect(found.shown.value).toBeNull();
  });
});

describe("wordsOf", () => {
  it.each([
    ['refund "my order" now', "my order"],
    ["refund now", "refund"],
    ["ref*", "ref"],
    ["", ""],
  ])("%s → %s", (search, words) => {
    expect(wordsOf(search)).toBe(words);
  });
});
