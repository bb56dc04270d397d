import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ADDED, type Columns, REMOVED, segmentAt } from "../../src/words/columns";
import { aligned, blocks, difference } from "../../src/words/diff";
import { columns, segment } from "./making";

/** The words of a channel that bear no mark of the other kind: one of the two tellings again. */
function telling(table: Columns, without: number, channel: number): string[] {
  const segments = Array.from({ length: table.channel.length }, (_, at) => segmentAt(table, at));
  return segments
    .filter((each) => each.channel === channel)
    .flatMap(({ words }) => words.filter(({ mark }) => mark !== without))
    .map(({ text }) => text);
}

const spoken = fc.array(
  fc.array(fc.constantFrom("a", "b", "c", "d"), { minLength: 1, maxLength: 12 }),
  { minLength: 1, maxLength: 8 },
);

function call(lines: string[][], channel: number) {
  let at = 0;
  return lines.map((line) => {
    const made = segment(line.join(" "), at, channel);
    at = made.end + 0.5;
    return made;
  });
}

describe("difference", () => {
  it("holds both tellings", () => {
    fc.assert(
      fc.property(spoken, spoken, spoken, (before, after, other) => {
        const draft = columns(...call(before, 0), ...call(other, 1));
        const canonical = columns(...call(after, 0), ...call(other, 1));
        const { table, added, removed } = difference(draft, canonical);
        expect(telling(table, ADDED, 0)).toEqual(before.flat());
        expect(telling(table, REMOVED, 0)).toEqual(after.flat());
        expect(telling(table, ADDED, 1)).toEqual(other.flat());
        expect(before.flat().length - removed).toBe(after.flat().length - added);
      }),
    );
  });

  it("finds none in what is the same but for case and punctuation", () => {
    const draft = columns(segment("hello how are you", 0));
    const canonical = columns(segment("Hello, how are you?", 0));
    expect(difference(draft, canonical)).toMatchObject({ added: 0, removed: 0 });
  });

  it("sets a lost word where it stood", () => {
    const draft = columns(segment("a buck for my daughter", 0));
    const canonical = columns(segment("a book for my daughter", 0));
    const { table } = difference(draft, canonical);
    const marks = segmentAt(table, 0).words.map(({ text, mark }) => `${text}${mark}`);
    expect(marks).toEqual(["a0", "buck2", "book1", "for0", "my0", "daughter0"]);
  });

  it("shows only the canonical words where it is asked to", () => {
    const draft = columns(segment("a buck", 0), segment("noise", 0, 1));
    const { table, removed } = difference(draft, columns(segment("a book", 0)), "added");
    expect(telling(table, 99, 0)).toEqual(["a", "book"]);
    expect(table.channel.length).toBe(1);
    expect(removed).toBe(2);
  });

  it("keeps what only the draft heard on a channel", () => {
    const { table } = difference(columns(segment("noise", 0, 1)), columns(segment("a", 0)));
    expect(telling(table, ADDED, 1)).toEqual(["noise"]);
  });
});

describe("aligned", () => {
  it("keeps a longest common subsequence", () => {
    const items = (text: string) => [...text].map((folded) => ({ folded }));
    const same = aligned(items("abcbdab"), items("bdcaba")).filter(({ mark }) => mark === 0);
    expect(same).toHaveLength(4); // Cormen et al., 15.4
  });
});

describe("blocks", () => {
  it("cuts a long call into pieces that hold all of it", () => {
    const list = call(
      Array.from({ length: 300 }, () => ["a", "b", "c"]),
      0,
    );
    const words = list.flatMap((each) => each.words.map((word) => ({ word })));
    const cut = [...blocks(words, words)];
    expect(cut.length).toBeGreaterThan(5);
    expect(cut.flatMap(([olds]) => olds)).toEqual(words);
    expect(Math.max(...cut.map(([olds]) => olds.length))).toBeLessThanOrEqual(400);
  });

  it("cuts where nobody pauses too", () => {
    const words = segment(Array.from({ length: 2000 }, () => "a").join(" "), 0).words;
    const close = words.map((word) => ({ word: { ...word, end: word.start + 0.5 } }));
    expect(Math.max(...[...blocks(close, close)].map(([olds]) => olds.length))).toBeLessThan(405);
  });
});
