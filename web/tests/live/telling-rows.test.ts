import { signal } from "@preact/signals";
import { describe, expect, it } from "vitest";
import { Captions } from "../../src/live/captions";
import type { SecondTelling, Telling } from "../../src/live/second-telling";
import { keysLike, tellingRows } from "../../src/live/telling-rows";
import { columns, segment } from "../words/making";

function spoken(...finals: [channel: number, start: number, end: number][]): Captions {
  const captions = new Captions();
  finals.forEach(([channel, start, end], at) => {
    const final = { type: "final", event: at + 1, channel, utterance: at } as const;
    captions.heard({ ...final, start, end, text: `said ${at}`, words: [] });
  });
  return captions;
}

describe("keysLike", () => {
  it("gives a segment the place of what it overlaps on its channel, once", () => {
    const draft = spoken([0, 0, 2], [1, 1, 3], [0, 10, 12]);
    const told = columns(
      segment("one two", 0.2),
      segment("other", 1.5, 1),
      segment("again", 1.1), // overlaps a place that is taken
      segment("late", 50),
      segment("third", 10.5),
    );
    expect(keysLike(told, draft)).toEqual(["live 0 0", "live 1 1", "told 2", "told 3", "told 4"]);
  });

  it("never gives a key twice", () => {
    const draft = spoken([0, 0, 1], [0, 2, 3], [0, 4, 5]);
    const told = columns(...[0, 0.5, 2.2, 2.4, 4.1].map((start) => segment("a b", start)));
    const keys = keysLike(told, draft);
    expect(new Set(keys).size).toBe(keys.length);
  });
});

describe("tellingRows", () => {
  it("are the captions, and then the canonical transcript in their places", () => {
    const captions = spoken([0, 0, 2]);
    const telling = signal<Telling>({ state: "waiting", share: 0 });
    const second = signal<SecondTelling | null>(null);
    const rows = tellingRows(captions, second);
    second.value = { telling } as unknown as SecondTelling;
    const before = rows.value.at(0);
    expect(before.hand).toBe("draft");
    const told = columns(segment("ink", 0.1));
    telling.value = { state: "done", columns: told, changed: 1, call: {} as never };
    expect(rows.value.at(0)).toMatchObject({ hand: "canonical", key: before.key });
    expect(rows.value.source).not.toBe(captions.source);
  });
});
