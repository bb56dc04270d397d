import { describe, expect, it } from "vitest";
import { find, placeOf } from "../../src/words/find";
import { columns, segment } from "./making";

const talk = columns(
  segment("I ordered a book for my daughter", 0),
  segment("The Order, please", 10, 1),
  segment("my bill for my book", 20),
);

describe("find", () => {
  it.each([
    ["book", [[[0, 3]], [[2, 4]]]],
    ["ORDER", [[[0, 1]], [[1, 1]]]], // the beginning of a word is enough
    ["order", [[[0, 1]], [[1, 1]]]],
    ["rder", []],
    [
      "for my",
      [
        [
          [0, 4],
          [0, 5],
        ],
        [
          [2, 2],
          [2, 3],
        ],
      ],
    ],
    [
      "my daughter the order",
      [
        [
          [0, 5],
          [0, 6],
          [1, 0],
          [1, 1],
        ],
      ],
    ],
    ["  ", []],
    ["<dau>", [[[0, 6]]]],
    [".*", []],
  ] as const)("%s", (query, expected) => {
    const found = find(talk, query).map((places) => places.map(({ row, word }) => [row, word]));
    expect(found).toEqual(expected);
  });

  it("knows every word's place", () => {
    expect([0, 6, 7, 10, 14].map((word) => Object.values(placeOf(talk, word)))).toEqual([
      [0, 0],
      [0, 6],
      [1, 0],
      [2, 0],
      [2, 4],
    ]);
  });
});
