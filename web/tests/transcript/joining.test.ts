import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Joiner } from "../../src/transcript/joining";
import type { Rows } from "../../src/transcript/rows";
import { Table } from "../../src/words/table";
import { columns, segment } from "../words/making";

const table = (...texts: string[]) =>
  new Table(columns(...texts.map((text, at) => segment(text, 10 * at))), "draft");
const said = (rows: Rows) =>
  Array.from({ length: rows.length }, (_, at) =>
    rows
      .at(at)
      .words.map(({ text }) => text)
      .join(" "),
  );

describe("Joiner", () => {
  it("leaves a call of one part as it is", () => {
    const only = table("one", "two");
    expect(new Joiner().join([{ rows: only, from: 0 }])).toBe(only);
  });

  it("lays parts one after another, on one clock", () => {
    const joined = new Joiner().join([
      { rows: table("one", "two"), from: 0 },
      { rows: table(), from: 30 },
      { rows: table("three"), from: 30 },
    ]);
    expect(said(joined)).toEqual(["one", "two", "three"]);
    expect(joined.at(2).start).toBe(30);
    expect(joined.at(2).words[0]?.start).toBe(30);
    expect(joined.at(2)).toBe(joined.at(2));
    expect(new Set([0, 1, 2].map((at) => joined.keyAt(at))).size).toBe(3);
    expect([joined.at(2).key, joined.lettersAt(2)]).toEqual([joined.keyAt(2), 6]);
    expect([0, 9, 10, 29, 30, 99].map((second) => joined.rowAt(second))).toEqual([
      0, 0, 1, 1, 2, 2,
    ]);
    expect(() => joined.at(3)).toThrow(RangeError);
  });

  it("is of another source only where a part is", () => {
    const joiner = new Joiner();
    const [first, second, told] = [table("a"), table("b"), table("A")];
    const parts = (rows: Rows) => [
      { rows, from: 0 },
      { rows: second, from: 9 },
    ];
    const before = joiner.join(parts(first)).source;
    expect(joiner.join(parts(first)).source).toBe(before);
    expect(joiner.join(parts(told)).source).not.toBe(before);
  });

  it("tells parts apart that begin at the same second", () => {
    const joined = new Joiner().join([
      { rows: table("one"), from: 0 },
      { rows: table("two"), from: 0 },
      { rows: table("three"), from: 0 },
    ]);
    expect(new Set([0, 1, 2].map((at) => joined.keyAt(at))).size).toBe(3);
    expect(new Set([0, 1, 2].map((at) => joined.at(at).key)).size).toBe(3);
  });

  it("finds every row wherever parts begin", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.constantFrom("x", "y z"), { maxLength: 4 })), (texts) => {
        const parts = texts.map((each, at) => ({ rows: table(...each), from: 100 * at }));
        expect(said(new Joiner().join(parts))).toEqual(texts.flat());
      }),
    );
  });
});
