import fc from "fast-check";
import { expect, it } from "vitest";
import { continuedId, newCallId, tidied } from "../../src/api/call-id";

const VALID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/;

it("names a call by its beginning", () => {
  const id = newCallId(new Date("2026-11-24T17:20:05Z"));
  expect(id).toMatch(/^call-20261124-172005-[a-z0-9]{3,4}/);
  expect(id).toMatch(VALID);
});

it("counts the parts of a call that had to go on", () => {
  expect(continuedId("talk")).toBe("talk-part-2");
  expect(continuedId("talk-part-2")).toBe("talk-part-3");
  expect(continuedId("talk-part-9")).toBe("talk-part-10");
  expect(continuedId("x".repeat(128))).toMatch(VALID);
});

it("makes a name of whatever somebody writes", () => {
  expect(tidied("Jörg's 1st call!")).toBe("Jorg-s-1st-call");
  expect(tidied("  ..hello ")).toBe("hello");
  expect(tidied("通話")).toBe("");
  expect(tidied(`${"x".repeat(127)}-y`)).toBe("x".repeat(127));
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 300 }), (name) => {
      const id = tidied(name);
      return (id === "" || VALID.test(id)) && tidied(id) === id;
    }),
  );
});
