import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/problem";
import { columns, segment } from "../words/making";

const readDifference = vi.fn();
const readTranscript = vi.fn();
vi.mock("../../src/words/reader", () => ({
  readDifference: () => readDifference(),
  readTranscript: () => readTranscript(),
}));
const { SecondTelling } = await import("../../src/live/second-telling");

const status = (now: "transcribing" | "done" | "failed") =>
  ({ type: "status", call_id: "c", status: now, done_s: 30, total_s: 120 }) as const;

function answering(call: object): void {
  vi.stubGlobal("fetch", async () => Response.json(call));
}

beforeEach(() => {
  vi.useFakeTimers();
  answering({ error: "why", error_code: "x", error_hint: "h", has_draft: true });
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("the second telling", () => {
  it("tells how far it is, and is read when it stands, also where the network blinks then", async () => {
    const away = new ApiError({ code: "unreachable", message: "m", hint: "", retryable: true });
    const read = { columns: columns(segment("ink", 0)), added: 1, removed: 0 };
    readDifference.mockRejectedValueOnce(away).mockResolvedValue(read);
    const second = new SecondTelling("c", "ticket", true);
    await second.status(status("transcribing"));
    expect(second.telling.value).toEqual({ state: "waiting", share: 0.25 });
    await second.status(status("done"));
    expect(second.telling.value.state).toBe("lost");
    await vi.advanceTimersByTimeAsync(3100);
    expect(second.telling.value).toMatchObject({ state: "done", changed: 1 });
    second.close();
  });

  it("is all there is of a recording that nobody spoke live", async () => {
    answering({ has_draft: false });
    readTranscript.mockResolvedValue({ columns: columns(segment("ink", 0)), added: 0, removed: 0 });
    const second = new SecondTelling("c", "ticket", true);
    await second.status(status("done"));
    expect(second.telling.value).toMatchObject({ state: "done", changed: 0 });
    second.close();
  });

  it("says why it failed", async () => {
    const second = new SecondTelling("c", "ticket", true);
    await second.status(status("failed"));
    const { telling } = second;
    expect(telling.value.state === "failed" && telling.value.error.message).toBe("why");
    second.close();
  });
});
