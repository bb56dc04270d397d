import { expect, it } from "vitest";
import { columnsOf, type TimedSegment } from "../../src/words/columns";
import { named, rolesOf } from "../../src/words/roles";
import { Table } from "../../src/words/table";
import { segment } from "./making";

function spoken(...who: (readonly [string | null, number])[]) {
  const segments = who.map(([speaker, channel], at): TimedSegment => {
    return { ...segment("well then", at, channel), speaker };
  });
  return columnsOf(segments, "canonical", "r");
}

it("knows who has a channel to himself, and nobody else", () => {
  const roles = rolesOf(spoken(["customer", 1], ["agent", 0], ["customer", 1]));
  expect([...roles].sort()).toEqual([
    [0, "agent"],
    [1, "customer"],
  ]);
  expect(rolesOf(spoken(["1", 0], ["2", 0], ["1", 0], [null, 1])).size).toBe(0);
  expect(rolesOf(spoken(["agent", 0], [null, 0])).size).toBe(0);
});

it("calls the people of a draft as the canonical transcript does, in the colours they had", () => {
  const draft = spoken([null, 0], [null, 1], [null, 2]);
  const roles = rolesOf(spoken(["customer", 1], ["agent", 0]));
  const [before, after] = [draft, named(draft, roles)].map((columns) => {
    const table = new Table(columns, "draft");
    return [0, 1, 2].map((row) => table.at(row));
  });
  expect(after?.map(({ speaker }) => speaker)).toEqual(["agent", "customer", null]);
  expect(after?.map(({ voice }) => voice)).toEqual(before?.map(({ voice }) => voice));
});

it("leaves a name that somebody has", () => {
  const told = named(spoken(["anna", 0], [null, 0]), new Map([[0, "agent"]]));
  const table = new Table(told, "draft");
  expect([0, 1].map((row) => table.at(row).speaker)).toEqual(["anna", "agent"]);
});
