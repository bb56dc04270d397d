import { describe, expect, it } from "vitest";
import type { Call } from "../../src/api/types";
import { fileName } from "../../src/call/exports";
import { has } from "../../src/call/open-call";

describe("fileName", () => {
  it("says which telling it is, and keeps to names that every system takes", () => {
    expect(fileName("call-1", "canonical", "srt")).toBe("call-1.srt");
    expect(fileName("call-1", "draft", "vtt")).toBe("call-1-draft.vtt");
    expect(fileName("../../<b>", "difference", "json")).toBe(".._..__b_.json");
  });
});

describe("has", () => {
  const call = (canonical_revision: string | null, has_draft: boolean) =>
    ({ canonical_revision, has_draft }) as Call;

  it("tells which versions there are", () => {
    expect(has(call(null, true), "draft")).toBe(true);
    expect(has(call(null, true), "canonical")).toBe(false);
    expect(has(call("r", false), "canonical")).toBe(true);
    expect(has(call("r", false), "difference")).toBe(false);
    expect(has(call("r", true), "difference")).toBe(true);
  });
});
