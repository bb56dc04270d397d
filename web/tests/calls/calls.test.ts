import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { idOf, numbered } from "../../src/api/call-id";
import type { Hit } from "../../src/api/types";
import { asQuery, filtersLink, filtersOf, isFiltered, NO_FILTERS } from "../../src/calls/filters";
import { byCall, pieces } from "../../src/calls/searching";
import { refusal } from "../../src/calls/upload";
import { parse } from "../../src/router";

describe("filters", () => {
  it("stand in the address whole", () => {
    fc.assert(
      fc.property(fc.record({ q: fc.string(), id: fc.string(), from: fc.string() }), (some) => {
        const filters = { ...NO_FILTERS, ...some };
        const route = parse(filtersLink(filters));
        expect(route.name === "calls" && filtersOf(route.query)).toEqual(filters);
      }),
    );
  });

  it("count whole days where the reader is", () => {
    const { started_after: after, started_before: before } = asQuery({
      ...NO_FILTERS,
      from: "2026-11-25",
      to: "2026-11-25",
    });
    expect((before ?? 0) - (after ?? 0)).toBe(86_400);
    expect(new Date((after ?? 0) * 1000).getHours()).toBe(0);
    expect(asQuery({ ...NO_FILTERS, from: "soon" }).started_after).toBeUndefined();
  });

  it("do not count a search", () => {
    expect(isFiltered({ ...NO_FILTERS, q: "x" })).toBe(false);
    expect(isFiltered({ ...NO_FILTERS, status: "failed" })).toBe(true);
  });
});

describe("pieces", () => {
  const snippet = (text: string, ...matches: [number, number][]) =>
    pieces({ text, matches } as unknown as Hit["snippet"]);

  it("count by code point, as the server does", () => {
    expect(snippet("🙂 naïve order", [2, 7])).toEqual([
      { text: "🙂 ", match: false },
      { text: "naïve", match: true },
      { text: " order", match: false },
    ]);
  });

  it("are the whole text whatever matches", () => {
    const spans = fc.array(fc.tuple(fc.nat(40), fc.nat(40)));
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), spans, (text, matches) => {
        const cut = snippet(text, ...(matches as [number, number][]));
        expect(cut.map((piece) => piece.text).join("")).toBe(text);
      }),
    );
  });
});

describe("byCall", () => {
  it("keeps the order of the hits", () => {
    const hits = ["b", "a", "b"].map((call_id, number) => ({ call_id, number }) as Hit);
    expect([...byCall(hits)].map(([id, of]) => [id, of.map(({ number }) => number)])).toEqual([
      ["b", [0, 2]],
      ["a", [1]],
    ]);
  });
});

describe("a call id made of a file's name", () => {
  it.each([
    ["call.wav", "call"],
    ["Gespräch № 1.flac", "Gesprach-No-1"],
    ["../../etc/passwd", "etc-passwd"],
    ["archive.tar.gz", "archive.tar"],
    ["  .hidden.mp3", "hidden"],
  ])("%s → %s", (name, id) => {
    expect(idOf(name)).toBe(id);
  });

  it("is always one that the server takes, and the same for the same name", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme" }),
        fc.integer({ min: 2, max: 99 }),
        (name, number) => {
          expect(idOf(name)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
          expect(numbered(idOf(name), number)).toMatch(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/);
          expect(idOf(name)).toBe(idOf(name));
        },
      ),
    );
  });

  it("tells names without Latin letters apart", () => {
    expect(idOf("会議.wav")).not.toBe(idOf("電話.wav"));
  });
});

describe("refusal", () => {
  it("needs no byte of an empty file", () => {
    expect(refusal({ size: 0, type: "" })?.hint).toContain("recording itself");
    expect(refusal({ size: 5e12, type: "" })).toBeNull(); // as long as the server's limit is unknown
  });
});
