import { afterEach, expect, it, vi } from "vitest";
import { Names } from "../../src/calls/names";

const file = (name: string, size = 1, lastModified = 1) => ({ name, size, lastModified });
const missing = { error: { code: "call_not_found", message: "", hint: "" } };

/** A server that has calls of these names. */
function having(...names: string[]): string[] {
  const asked: string[] = [];
  vi.stubGlobal("fetch", async (url: URL) => {
    const name = url.pathname.split("/").at(-1) ?? "";
    asked.push(name);
    return names.includes(name) ? Response.json({}) : Response.json(missing, { status: 404 });
  });
  return asked;
}

afterEach(() => vi.unstubAllGlobals());

it("gives each of many files of one name a name of its own, and asks nobody", () => {
  const names = new Names();
  const given = Array.from({ length: 70 }, (_, at) => names.first(file("audio.wav", at)));
  expect(new Set(given).size).toBe(70);
  expect(given.slice(0, 3)).toEqual(["audio", "audio-2", "audio-3"]);
});

it("gives the same file the same name again", () => {
  const names = new Names();
  expect(names.first(file("a.wav"))).toBe("a");
  expect(names.first(file("a.wav", 2))).toBe("a-2");
  expect(names.first(file("a.wav"))).toBe("a");
});

it("looks for one that no call has, where a call has the first", async () => {
  having("a", "a-2");
  const names = new Names();
  names.first(file("a.wav"));
  expect(await names.other(file("a.wav"))).toBe("a-3");
  expect(await names.other(file("a.wav", 2))).toBe("a-4");
});

it("asks no more than a few times, however many there are", async () => {
  const asked = having(...Array.from({ length: 100 }, (_, at) => `a-${at}`));
  expect(await new Names().other(file("a.wav"))).toMatch(/^a-\d+$/);
  expect(asked.length).toBe(19);
});
