import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ApiError } from "../../src/api/problem";
import type { Call } from "../../src/api/types";
import type { ReadTranscript } from "../../src/words/reader";
import { columns, segment } from "../words/making";
import { answer as insights } from "../worth/making";

const readTranscript = vi.fn<(callId: string, version: string) => Promise<ReadTranscript>>();
vi.mock("../../src/words/reader", () => ({
  readTranscript: (callId: string, version: string) => readTranscript(callId, version),
  readDifference: (callId: string) => readTranscript(callId, "difference"),
}));
const { OpenCall } = await import("../../src/call/open-call");

/** A stand-in for the server's stream of a call's events. */
class FakeSource extends EventTarget {
  static made: FakeSource[] = [];
  closed = false;
  onopen: (() => void) | null = null;
  constructor(readonly url: URL) {
    super();
    FakeSource.made.push(this);
  }
  close(): void {
    this.closed = true;
  }
  say(type: string, data: object): void {
    this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify({ type, ...data }) }));
  }
}

let call: Partial<Call>;
let answer: () => Response;
const asked = vi.fn<(url: URL, request?: RequestInit) => Promise<Response>>();
const settle = () => vi.advanceTimersByTimeAsync(0);
const requests = (path: RegExp) =>
  asked.mock.calls.filter(([url]) => path.test(String(url))).length;

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.made = [];
  call = { call_id: "c", status: "transcribing", has_draft: true, canonical_revision: null };
  answer = () => Response.json(call);
  asked.mockReset().mockImplementation(async (url) => {
    return String(url).includes("tickets") ? Response.json({ ticket: "t" }) : answer();
  });
  readTranscript.mockReset().mockImplementation(async () => {
    return { columns: columns(segment("one two", 0)), added: 0, removed: 0 };
  });
  vi.stubGlobal("fetch", asked);
  vi.stubGlobal("EventSource", FakeSource);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const done = { call_id: "c", event: 3 };
const status = (now: string) => ({ call_id: "c", status: now, done_s: 5, total_s: 10 });

describe("an open call", () => {
  it("follows its second telling on one stream, and reads each version once", async () => {
    const open = new OpenCall("c");
    await open.open();
    await settle();
    const [source] = FakeSource.made;
    source?.say("done", done); // which the server tells whoever follows a call that is over
    await settle();
    source?.say("status", status("transcribing"));
    await settle();
    expect(open.share.value).toBe(0.5);
    expect(FakeSource.made).toHaveLength(1);
    expect(source?.url.searchParams.get("after")).toBe(String(2 ** 31)); // no finals are asked for
    expect(readTranscript.mock.calls).toEqual([["c", "draft"]]);
    call = { ...call, status: "done", canonical_revision: "r" };
    source?.say("status", status("done"));
    await settle();
    expect(readTranscript.mock.calls.at(-1)).toEqual(["c", "canonical"]);
    expect(open.share.value).toBeNull();
    await vi.advanceTimersByTimeAsync(10_000);
    expect(FakeSource.made).toHaveLength(1);
    expect(requests(/calls\/c$/)).toBeLessThan(6);
    open.close();
  });

  it("keeps the version that the reader has chosen", async () => {
    call = { ...call, status: "done", canonical_revision: "r" };
    const open = new OpenCall("c");
    await open.open();
    await open.show("draft");
    await vi.advanceTimersByTimeAsync(31_000); // it looks again by itself
    expect(requests(/calls\/c$/)).toBe(2);
    expect(open.shown.value).toBe("draft");
    open.close();
  });

  it("calls the people of the draft as the canonical transcript does, which it reads once", async () => {
    const told = (speaker: string | null) => {
      const of = (channel: number) => ({ ...segment("one", channel, channel), speaker });
      return { columns: columns(of(0)), added: 0, removed: 0 };
    };
    readTranscript.mockImplementation(async (_, version) => {
      return told(version === "canonical" ? "agent" : null);
    });
    call = { ...call, status: "done", channels: 2, canonical_revision: "r1" };
    const open = new OpenCall("c");
    await open.open("draft");
    expect(open.table.value?.at(0).speaker).toBe("agent");
    await open.show("canonical");
    await open.show("draft");
    expect(open.table.value?.at(0)).toMatchObject({ speaker: "agent", hand: "draft" });
    const read = readTranscript.mock.calls.map(([, version]) => version);
    expect(read).toEqual(["draft", "canonical", "canonical", "draft"]);
    open.close();
  });

  it("leaves the people of a draft their channels where nothing else can be read", async () => {
    const problem = { code: "redaction_unavailable", message: "m", hint: "h", retryable: false };
    readTranscript.mockImplementation(async (_, version) => {
      if (version === "canonical") throw new ApiError(problem, 503);
      return { columns: columns(segment("one", 0)), added: 0, removed: 0 };
    });
    call = { ...call, status: "done", channels: 2, canonical_revision: "r" };
    const open = new OpenCall("c");
    await open.open("draft");
    expect(open.table.value?.at(0).speaker).toBeNull();
    expect(open.refused.value).toBeNull();
    const named = { ...segment("one", 0), speaker: "agent" };
    readTranscript.mockResolvedValue({ columns: columns(named), added: 0, removed: 0 });
    await open.show("canonical");
    await open.show("draft"); // what could not be read then can be now
    expect(open.table.value?.at(0).speaker).toBe("agent");
    open.close();
  });

  it("reads on in a running call, without a word about it, until its draft is whole", async () => {
    let said = 1;
    readTranscript.mockImplementation(async () => {
      const all = Array.from({ length: said }, (_, at) => segment("one two", 3 * at));
      return { columns: columns(...all), added: 0, removed: 0 };
    });
    call = { ...call, status: "live", channels: 2, ended_at: null };
    const open = new OpenCall("c");
    await open.open();
    const before = open.table.value;
    await vi.advanceTimersByTimeAsync(10_100);
    expect(open.table.value).toBe(before); // nothing was said: nothing moves
    said = 3;
    await vi.advanceTimersByTimeAsync(10_100);
    expect(open.table.value?.length).toBe(3);
    said = 4;
    call = { ...call, status: "transcribing" }; // the captions are behind
    await vi.advanceTimersByTimeAsync(10_100);
    expect(open.table.value?.length).toBe(4);
    said = 5;
    call = { ...call, ended_at: 99 };
    FakeSource.made[0]?.say("done", done);
    await settle();
    expect(open.table.value?.length).toBe(5);
    const read = readTranscript.mock.calls.length;
    await vi.advanceTimersByTimeAsync(31_000);
    expect(readTranscript).toHaveBeenCalledTimes(read);
    open.close();
  });

  it("comes up by itself when the server is there again", async () => {
    answer = () => {
      throw new TypeError("refused");
    };
    const open = new OpenCall("c");
    await open.open();
    expect(open.problem.value?.code).toBe("unreachable");
    answer = () => Response.json(call);
    await vi.advanceTimersByTimeAsync(3100);
    expect(open.problem.value).toBeNull();
    expect(open.table.value?.length).toBe(1);
    open.close();
  });

  it("leaves nothing running when it is closed while it opens", async () => {
    let late: (response: Response) => void = () => {};
    asked.mockImplementation(() => new Promise((resolve) => (late = resolve)));
    const open = new OpenCall("c");
    const opening = open.open();
    open.close();
    late(Response.json({ ...call, has_recording: true, length_s: 3 }));
    await opening;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSource.made).toEqual([]);
    expect(open.player.value).toBeNull();
    expect(asked).toHaveBeenCalledTimes(1);
  });

  it("is gone when it was deleted, and is not asked for again", async () => {
    const error = { code: "call_deleted", message: "m", hint: "h", retryable: false };
    answer = () => Response.json({ error }, { status: 410 });
    const open = new OpenCall("c");
    await open.open();
    expect(open.gone.value).toBe(true);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toHaveBeenCalledTimes(1);
    open.close();
  });

  it("reads what the call is worth, once for each canonical transcript", async () => {
    call = { ...call, status: "done", canonical_revision: "r" };
    answer = () => Response.json({ ...call, ...insights({ removed_counts: { phone: 2 } }) });
    const open = new OpenCall("c");
    await open.open();
    await settle();
    expect(open.worth.found.value?.counts).toEqual([["phone", 2]]);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(requests(/insights/)).toBe(1);
    call = { ...call, canonical_revision: "r2" };
    await vi.advanceTimersByTimeAsync(31_000);
    expect(requests(/insights/)).toBe(2);
    call = { ...call, lead_score: 50, outcomes: { next_step: "demo" } }; // of the same transcript
    await vi.advanceTimersByTimeAsync(31_000);
    expect(requests(/insights/)).toBe(3);
    open.close();
  });

  it("can be read where nothing is known of it, and asks again", async () => {
    call = { ...call, status: "done", canonical_revision: "r" };
    const error = { code: "transcript_not_ready", message: "m", hint: "h", retryable: true };
    asked.mockImplementation(async (url) => {
      if (String(url).includes("insights")) return Response.json({ error }, { status: 404 });
      return answer();
    });
    const open = new OpenCall("c");
    await open.open();
    await vi.advanceTimersByTimeAsync(31_000);
    expect(open.problem.value).toBeNull();
    expect(open.table.value?.length).toBe(1);
    expect(requests(/insights/)).toBe(2);
    open.close();
  });

  it("says why a text is withheld, and does not ask for it again and again", async () => {
    call = { ...call, status: "done", canonical_revision: "r" };
    const problem = { code: "redaction_unavailable", message: "m", hint: "h", retryable: false };
    readTranscript.mockRejectedValue(new ApiError(problem, 503));
    const open = new OpenCall("c");
    await open.open();
    await vi.advanceTimersByTimeAsync(61_000);
    expect(open.refused.value?.message).toBe("m");
    expect(open.problem.value).toBeNull();
    expect(readTranscript).toHaveBeenCalledTimes(1);
    open.close();
  });

  it("asks for a recording that was withheld when there is another transcript", async () => {
    call = { ...call, has_recording: true, length_s: 3 };
    const open = new OpenCall("c");
    await open.open();
    await settle();
    const problem = { code: "redaction_unavailable", message: "m", hint: "h", retryable: false };
    const player = open.player.value;
    if (!player) throw new Error("expected a player");
    player.withheld.value = new ApiError(problem, 503);
    await vi.advanceTimersByTimeAsync(31_000);
    expect(player.withheld.value).not.toBeNull(); // nothing has changed
    call = { ...call, status: "done", canonical_revision: "r" };
    FakeSource.made[0]?.say("status", status("done"));
    await settle();
    expect(player.withheld.value).toBeNull();
    expect(player.version.value).toBe(1);
    open.close();
  });
});
