import { afterEach, describe, expect, it, vi } from "vitest";
import { isSendable, key, keyWanted, setKey } from "../../src/api/key";

afterEach(() => {
  vi.unstubAllGlobals();
  sessionStorage.clear();
  localStorage.clear();
});

describe("a key", () => {
  it("is kept for the tab, or for the browser if asked, and in one place only", () => {
    setKey("tt_one", true);
    expect(localStorage.getItem("twicetold.key")).toBe("tt_one");
    setKey("tt_two", false);
    expect(localStorage.getItem("twicetold.key")).toBeNull();
    expect(sessionStorage.getItem("twicetold.key")).toBe("tt_two");
  });

  it("serves as long as the tab where storage is closed to the page", () => {
    for (const name of ["sessionStorage", "localStorage"]) {
      vi.spyOn(globalThis, name as "localStorage", "get").mockImplementation(() => {
        throw new DOMException("", "SecurityError");
      });
    }
    keyWanted.value = true;
    setKey("tt_three", true);
    expect(key.value).toBe("tt_three");
    expect(keyWanted.value).toBe(false);
    vi.restoreAllMocks();
  });

  it.each([
    ["tt_Ab-9_x", true],
    ["tt_ключ", false],
    ["tt one", false],
    ["tt,one", false],
    ["", false],
  ])("%j can be sent: %s", (text, can) => {
    expect(isSendable(text)).toBe(can);
  });
});
