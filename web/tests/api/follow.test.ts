import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Caption } from "../../src/api/events";
import { type Follower, follow } from "../../src/api/follow";
import { ApiError } from "../../src/api/problem";

/** Stands in for the browser's EventSource. */
class FakeSource extends EventTarget {
  static all: FakeSource[] = [];
  onopen: (() => void) | null = null;
  closed = false;

  constructor(readonly url: URL) {
    super();
    FakeSource.all.push(this);
  }

  say(name: string, data: object) {
    this.dispatchEvent(new MessageEvent(name, { data: JSON.stringify(data) }));
  }

  close() {
    this.closed = true;
  }
}

const final = (event: number) =>
  ({
    type: "final",
    event,
    channel: 0,
    utterance: event,
    start: 0,
    end: 1,
    text: "x",
    words: [],
  }) as const;

let heard: Caption[];
let away: boolean[];
let failures: ApiError[];
let to: Follower;

const calls = new Map<string, () => Response>();

beforeEach(() => {
  vi.useFakeTimers();
  FakeSource.all = [];
  [heard, away, failures] = [[], [], []];
  to = {
    caption: (caption) => heard.push(caption),
    away: (broken) => away.push(broken),
    failed: (error) => failures.push(error),
  };
  calls.clear();
  calls.set("POST v1/tickets", () => Response.json({ ticket: "t1", expires_in_s: 300 }));
  calls.set("GET v1/calls/c", () => Response.json({ call_id: "c" }));
  vi.stubGlobal("EventSource", FakeSource);
  vi.stubGlobal("fetch", async (url: URL, init: RequestInit) => {
    const answer = calls.get(`${init.method} ${url.pathname.slice(1)}`);
    if (!answer) throw new TypeError("away");
    return answer();
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

async function settled(ms = 0) {
  await vi.advanceTimersByTimeAsync(ms);
}

function last(): FakeSource {
  const source = FakeSource.all.at(-1);
  if (!source) throw new Error("no EventSource was made");
  return source;
}

describe("follow", () => {
  it("passes alerts on", async () => {
    const end = follow("c", to);
    await settled();
    const alert = { type: "alert", event: 2, rule: "r", category: "c", suggestion: "s", at: 1 };
    last().say("alert", alert);
    expect(heard).toEqual([alert]);
    end();
  });

  it("tells captions until the canonical transcript stands", async () => {
    follow("c", to);
    await settled();
    last().onopen?.();
    last().say("final", final(1));
    last().say("done", { type: "done", call_id: "c", event: 1 });
    last().say("status", { type: "status", call_id: "c", status: "done", done_s: 1, total_s: 1 });
    expect(heard.map(({ type }) => type)).toEqual(["final", "done", "status"]);
    expect(last().closed).toBe(true);
    expect(away).toEqual([false]);
  });

  it("goes on after the last final, and tells none twice", async () => {
    follow("c", to);
    await settled();
    last().say("final", final(1));
    last().say("final", final(2));
    last().dispatchEvent(new Event("error"));
    expect(away).toEqual([true]);
    await settled(1000);
    expect(last().url.searchParams.get("after")).toBe("2");
    last().say("final", final(2));
    last().say("final", final(3));
    expect(heard.map((caption) => caption.type === "final" && caption.event)).toEqual([1, 2, 3]);
  });

  it("gets a fresh ticket for each connection, but keeps that of a follow link", async () => {
    const tickets = ["t1", "t2"].values();
    calls.set("POST v1/tickets", () => Response.json({ ticket: tickets.next().value }));
    follow("c", to);
    await settled();
    last().dispatchEvent(new Event("error"));
    await settled(1000);
    expect(FakeSource.all.map(({ url }) => url.searchParams.get("ticket"))).toEqual(["t1", "t2"]);
    follow("c", to, "link");
    await settled();
    expect(last().url.searchParams.get("ticket")).toBe("link");
  });

  it("keeps trying while the server is away", async () => {
    calls.clear();
    follow("c", to);
    await settled(60_000);
    expect(failures).toEqual([]);
    calls.set("POST v1/tickets", () => Response.json({ ticket: "t" }));
    calls.set("GET v1/calls/c", () => Response.json({}));
    await settled(5000);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("ends with the reason when the call was deleted meanwhile", async () => {
    follow("c", to);
    await settled();
    const error = { code: "call_deleted", message: "Gone.", hint: "", retryable: false };
    calls.set("GET v1/calls/c", () => Response.json({ error }, { status: 410 }));
    last().dispatchEvent(new Event("error"));
    await settled(1000);
    expect(failures.map(({ code }) => code)).toEqual(["call_deleted"]);
    await settled(60_000);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("ends with the error that the server tells", async () => {
    follow("c", to);
    await settled();
    last().say("error", { code: "session_lost", message: "m", hint: "h", retryable: false });
    expect(failures[0]).toBeInstanceOf(ApiError);
    expect(last().closed).toBe(true);
  });

  it("is silent once it was ended", async () => {
    const end = follow("c", to);
    await settled();
    const source = last();
    end();
    source.say("final", final(1));
    source.dispatchEvent(new Event("error"));
    await settled(60_000);
    expect([heard, away, failures]).toEqual([[], [], []]);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("gets another ticket where its own has run out, and tells nobody", async () => {
    const end = follow("c", to);
    await settled();
    last().onopen?.();
    const refusal = { code: "unauthorized", message: "m", hint: "h", retryable: false };
    last().say("error", refusal);
    await settled(1000);
    expect(FakeSource.all).toHaveLength(2);
    expect(failures).toEqual([]);
    end();
  });

  it("ends where the ticket of a link has run out", async () => {
    follow("c", to, "given");
    await settled();
    last().say("error", { code: "unauthorized", message: "m", hint: "h", retryable: false });
    await settled(10_000);
    expect(failures.map(({ code }) => code)).toEqual(["unauthorized"]);
    expect(FakeSource.all).toHaveLength(1);
  });

  it("gives up a stream that has gone silent, and not one that says it is alive", async () => {
    const end = follow("c", to, "given");
    await settled();
    last().onopen?.();
    for (let turn = 0; turn < 6; turn += 1) {
      await settled(5000);
      last().say("alive", { type: "alive" });
    }
    expect(FakeSource.all).toHaveLength(1);
    await settled(16_000);
    expect(FakeSource.all).toHaveLength(2);
    expect(FakeSource.all[0]?.closed).toBe(true);
    expect(heard).toEqual([]); // a sign of life is no caption
    end();
  });
});
