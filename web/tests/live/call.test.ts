import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Caption } from "../../src/api/events";
import { key, keyWanted } from "../../src/api/key";
import { LiveCall } from "../../src/live/call";
import { FakeServer } from "./fake-server";

let server: FakeServer;
let shown: string[];
let continued: [from: string, heldS: number][];
let kinds: string[];
const calls: LiveCall[] = [];

beforeEach(() => {
  vi.useFakeTimers();
  server = new FakeServer();
  server.install();
  shown = [];
  continued = [];
  kinds = [];
  key.value = null;
  keyWanted.value = false;
});

afterEach(() => {
  for (const call of calls.splice(0)) call.giveUp(); // so that none comes to the next test's server
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

const piece = (value: number, samples = 1600) => new Int16Array(samples).fill(value);
const settle = () => vi.advanceTimersByTimeAsync(0);

async function opened(callId?: string): Promise<LiveCall> {
  const call = new LiveCall(
    { sampleRate: 16_000, channels: 1, callId },
    {
      caption: (caption: Caption) => {
        kinds.push(caption.type);
        if (caption.type === "final") shown.push(caption.text);
      },
      continued: (from, heldS) => continued.push([from, heldS]),
    },
  );
  calls.push(call);
  await settle();
  return call;
}

/** The audio thread: a piece each tenth of a second, timers or not. */
async function speak(call: LiveCall, from: number, count: number): Promise<void> {
  for (let value = from; value < from + count; value += 1) {
    expect(call.send(piece(value))).toBe(true);
    await vi.advanceTimersByTimeAsync(100);
  }
}

/** The server takes all there is; more is sent only as what is on its way gets less. */
function takeAll(): void {
  while (server.last.underway.length > 0) {
    server.last.arrive();
    server.last.ack();
  }
}

const upTo = (count: number) => Array.from({ length: count }, (_, value) => value);

describe("a live call", () => {
  it("passes alerts on", async () => {
    await opened("alerted");
    server.last.say({ type: "alert", event: 1, rule: "r", category: "c", suggestion: "s", at: 1 });
    expect(kinds).toEqual(["alert"]);
  });

  it("is over when the server says so, and not before all was sent", async () => {
    const call = await opened("a");
    expect(call.state.value).toBe("live");
    await speak(call, 0, 5);
    call.stop();
    expect(call.state.value).toBe("stopping");
    server.last.arrive();
    expect(call.state.value).toBe("over");
    expect(server.call("a").held).toEqual(upTo(5));
  });

  it("passes on all that is told of an utterance, and that all was told", async () => {
    const call = await opened("a");
    const at = { channel: 0, utterance: 0 };
    server.last.say({ type: "speech_started", ...at, start: 0 });
    server.last.say({ type: "partial", ...at, start: 0, end: 1, text: "um" });
    server.last.say({ type: "no_words", ...at });
    server.last.say({ type: "something_new" });
    call.stop();
    server.last.arrive();
    expect(kinds).toEqual(["speech_started", "partial", "no_words", "done"]);
  });

  it("forgets how far captions lagged when a new connection stands", async () => {
    const call = await opened("a");
    server.last.say({ type: "lagging", seconds: 8 });
    expect(call.lagS.value).toBe(8);
    server.cut();
    await vi.advanceTimersByTimeAsync(1000);
    expect(call.state.value).toBe("live");
    expect(call.lagS.value).toBe(0);
  });

  it("keeps sound while the connection is lost and sends it when it stands again", async () => {
    const call = await opened("a");
    await speak(call, 0, 3);
    server.cut(1);
    server.reachable = false;
    await speak(call, 3, 30);
    expect(call.state.value).toBe("away");
    expect(call.awaySince.value).not.toBeNull();
    expect(call.keptS.value).toBeGreaterThan(2.9);
    server.reachable = true;
    await speak(call, 33, 60);
    expect(call.state.value).toBe("live");
    expect(call.awaySince.value).toBeNull();
    server.last.arrive();
    server.last.ack();
    expect(call.keptS.value).toBe(0);
    expect(server.call("a").held).toEqual(upTo(93));
  });

  it("ends while the server is away: what is kept is sent, or not waited for", async () => {
    const call = await opened("a");
    await speak(call, 0, 3);
    server.cut(1);
    server.reachable = false;
    await speak(call, 3, 5);
    call.stop();
    expect(call.ending.value).toBe(true);
    expect(call.send(piece(9))).toBe(true);
    expect(call.state.value).toBe("away");
    expect(call.unsent()?.size).toBe(44 + 8 * 3200); // the server has confirmed none of it
    server.reachable = true;
    await vi.advanceTimersByTimeAsync(10_000);
    server.last.arrive();
    expect(call.state.value).toBe("over");
    expect(server.call("a").held).toEqual(upTo(8));
  });

  it("waits no longer for a server that does not come back, once it is told so", async () => {
    const call = await opened("a");
    server.reachable = false;
    server.cut();
    await speak(call, 0, 3);
    call.stop();
    call.giveUp();
    expect(call.state.value).toBe("failed");
    expect(call.problem.value?.code).toBe("given_up");
    expect(call.unsent()?.size).toBe(44 + 3 * 3200);
    expect(call.problem.value?.message).toContain("Not all");
    const connections = server.sockets.length;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(server.sockets.length).toBe(connections);
  });

  it("comes back where the clock was set back meanwhile", async () => {
    const call = await opened("a");
    server.cut();
    server.reachable = false;
    await speak(call, 0, 10);
    vi.setSystemTime(Date.now() - 3_600_000);
    server.reachable = true;
    await speak(call, 10, 60);
    expect(call.state.value).toBe("live");
  });

  it("comes back by its audio alone, where timers sleep as in a hidden tab", async () => {
    const call = await opened("a");
    await speak(call, 0, 2);
    server.last.arrive();
    vi.spyOn(globalThis, "setTimeout").mockReturnValue(0 as never);
    server.cut();
    for (let value = 2; value < 30; value += 1) {
      call.send(piece(value));
      vi.setSystemTime(Date.now() + 100);
      await Promise.resolve();
    }
    server.last.arrive();
    expect(server.call("a").held).toEqual(upTo(30));
    vi.restoreAllMocks();
  });

  it("takes a server that has gone silent for lost", async () => {
    const call = await opened("a");
    server.mute = true;
    await speak(call, 0, 105);
    expect(server.sockets.length).toBeGreaterThan(1);
    server.mute = false;
    await speak(call, 105, 200); // the connection that came meanwhile is given up in its turn
    takeAll();
    expect(server.call("a").held).toEqual(upTo(305));
  });

  it("goes on under another id where the server had closed it, with all that is kept", async () => {
    const call = await opened("a");
    await speak(call, 0, 4);
    server.last.arrive(3);
    server.last.break();
    server.call("a").open = false;
    server.reachable = false;
    await speak(call, 4, 120);
    server.reachable = true;
    await speak(call, 124, 60);
    expect(continued).toEqual([["a", 0.3]]); // three pieces of a tenth of a second
    expect(call.callId.value).toBe("a-part-2");
    takeAll();
    const held = [...server.call("a").held, ...server.call("a-part-2").held];
    expect(held).toEqual(upTo(184));
    const age = Number(server.call("a-part-2").query.get("age_s"));
    expect(age).toBeGreaterThanOrEqual(12); // so that the server lets it catch up
    expect(age).toBeLessThan(19);
  });

  it("has the last finals of a call that closes before it goes on in another", async () => {
    const call = await opened("a");
    await speak(call, 0, 3);
    server.last.arrive();
    server.call("a").finals.push("one");
    server.last.tell(0);
    server.cut();
    Object.assign(server.call("a"), { open: false, closing: true });
    await speak(call, 3, 20);
    server.last.arrive(); // sound that it does not take: session_lost
    await speak(call, 23, 20);
    expect(continued).toEqual([]);
    expect(server.last.underway).toEqual([]); // nothing is sent that would be refused
    server.call("a").finals.push("two");
    server.last.tell(1);
    server.last.done();
    await speak(call, 43, 20);
    takeAll();
    expect(shown).toEqual(["one", "two"]);
    expect(continued).toEqual([["a", 0.3]]);
    expect([...server.call("a").held, ...server.call("a-part-2").held]).toEqual(upTo(63));
  });

  it("is over where the server closed it and holds all of it", async () => {
    const call = await opened("a");
    await speak(call, 0, 3);
    server.last.arrive();
    server.last.ack();
    server.reachable = false;
    server.cut();
    call.stop();
    server.call("a").open = false;
    server.reachable = true;
    await vi.advanceTimersByTimeAsync(7000);
    expect(call.state.value).toBe("over");
    expect(continued).toEqual([]);
  });

  it("keeps an hour of sound, which a new call may catch up with, and no more", async () => {
    server.reachable = false;
    const call = await opened("a");
    const minute = new Int16Array(60 * 16_000);
    for (let n = 0; n < 60; n += 1) expect(call.send(minute)).toBe(true);
    expect(call.send(piece(1))).toBe(false);
    expect(call.keptS.value).toBe(3600);
    await vi.advanceTimersByTimeAsync(10_000);
    expect(server.last.url.searchParams.get("age_s")).toBe("3600");
  });

  it("goes on under a name of its own where the first answer under the chosen one was lost", async () => {
    server.reachable = false;
    const call = await opened("mine");
    server.calls.set("mine", {} as never); // it had been heard, and that was not told
    server.reachable = true;
    await speak(call, 0, 100);
    expect(call.callId.value).toBe("mine-part-2");
    takeAll();
    expect(server.call("mine-part-2").held).toEqual(upTo(100));
  });

  it("asks for another key when its own is taken back, and goes on with it", async () => {
    key.value = server.key = "old";
    const call = await opened("a");
    await speak(call, 0, 3);
    server.last.arrive();
    server.key = "new";
    server.last.say({
      type: "error",
      code: "unauthorized",
      message: "",
      hint: "",
      retryable: false,
    });
    await speak(call, 3, 100);
    expect(keyWanted.value).toBe(true);
    expect(call.state.value).toBe("away");
    key.value = "new";
    await settle();
    await settle();
    expect(call.state.value).toBe("live");
    server.last.arrive();
    expect(server.call("a").held).toEqual(upTo(103));
  });

  it("fails where the server says that trying again is of no use, and gives back the sound", async () => {
    const call = await opened("a");
    await speak(call, 0, 3);
    server.last.say({
      type: "error",
      code: "call_deleted",
      message: "m",
      hint: "",
      retryable: false,
    });
    expect(call.state.value).toBe("failed");
    expect(call.problem.value?.code).toBe("call_deleted");
    const unsent = call.unsent();
    expect(unsent?.size).toBe(44 + 3 * 3200);
    expect(call.send(piece(9))).toBe(true); // nothing more is kept
    expect(call.unsent()?.size).toBe(unsent?.size);
  });

  it("takes a call back that another connection has taken, but not for ever", async () => {
    const call = await opened("a");
    const taken = () =>
      server.last.say({
        type: "error",
        code: "call_id_in_use",
        message: "m",
        hint: "",
        retryable: false,
      });
    for (let times = 0; times < 3; times += 1) {
      await speak(call, 10 * times, 10);
      taken();
      expect(call.state.value).toBe("away");
    }
    await speak(call, 30, 10);
    expect(call.state.value).toBe("live");
    takeAll();
    expect(server.call("a").held).toEqual(upTo(40));
    taken();
    expect(call.state.value).toBe("failed");
  });

  it("tries another id where its first answer was lost, unless the id was chosen", async () => {
    server.reachable = false;
    const call = await opened();
    const first = call.callId.value;
    server.calls.set(first, {} as never);
    server.reachable = true;
    await speak(call, 0, 100);
    expect(call.callId.value).not.toBe(first);
    expect(call.state.value).toBe("live");
    server.calls.set("taken", {} as never);
    expect((await opened("taken")).state.value).toBe("failed");
  });

  it("loses no sample and tells every final once, whatever the network does", async () => {
    const step = fc.oneof(
      { weight: 6, arbitrary: fc.record({ do: fc.constant("speak" as const), n: fc.nat(5) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("arrive" as const), n: fc.nat(6) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("ack" as const) }) },
      { weight: 3, arbitrary: fc.record({ do: fc.constant("final" as const) }) },
      { weight: 2, arbitrary: fc.record({ do: fc.constant("cut" as const), n: fc.nat(4) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("unreachable" as const) }) },
      { weight: 1, arbitrary: fc.record({ do: fc.constant("skip" as const) }) },
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 50 }), async (steps) => {
        server = new FakeServer();
        server.install();
        shown = [];
        const call = await opened("a");
        let said = 0;
        for (const each of steps) {
          if (each.do === "speak") {
            await speak(call, said, each.n);
            said += each.n;
          } else if (each.do === "cut") {
            server.cut(each.n);
            await settle();
          } else if (each.do === "unreachable") {
            server.reachable = false;
            server.cut();
            await speak(call, said, 9);
            said += 9;
            server.reachable = true;
          } else if (server.last.isOpen) {
            if (each.do === "arrive") server.last.arrive(each.n);
            if (each.do === "ack") server.last.ack();
            const { finals } = server.call("a");
            if (each.do === "final" || each.do === "skip") finals.push(`final ${finals.length}`);
            // a final that is skipped shows as a gap at the next one
            if (each.do === "final") server.last.tell(finals.length - 1);
          }
        }
        server.reachable = true;
        for (let turn = 0; turn < 8; turn += 1) {
          await vi.advanceTimersByTimeAsync(7000);
          if (server.last.isOpen) server.last.arrive();
          server.last.ack();
        }
        call.stop();
        for (let turn = 0; turn < 5 && call.state.value !== "over"; turn += 1) {
          if (server.last.isOpen) server.last.arrive();
          await vi.advanceTimersByTimeAsync(7000);
        }
        expect(call.state.value).toBe("over");
        expect(server.call("a").held).toEqual(upTo(said));
        expect(shown).toEqual(server.call("a").finals);
      }),
      { numRuns: 150 },
    );
  });
});
