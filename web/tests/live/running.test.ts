import { signal } from "@preact/signals";
import { beforeEach, describe, expect, it, vi } from "vitest";
import type { AudioSource, End, OnAudio } from "../../src/audio/source";
import { runningCall } from "../../src/ui/running-call";
import { FakeServer } from "./fake-server";

/** A stand-in for a microphone, and for the browser that may take its time to open it. */
class FakeMicrophone implements AudioSource {
  readonly label = "fake";
  readonly levels = signal<readonly number[]>([]);
  readonly ended: Promise<End>;
  stopped = false;
  end: (why: End) => void = () => {};
  constructor(
    readonly wish: { channels: 1 | 2 },
    readonly onAudio: OnAudio,
  ) {
    this.ended = new Promise((resolve) => {
      this.end = resolve;
    });
  }
  stop(): void {
    if (this.stopped) return;
    this.stopped = true;
    this.end("stopped");
  }
  speak(value: number, channels: 1 | 2 = 1): void {
    this.onAudio(new Int16Array(1600 * channels).fill(value), channels, 16_000);
  }
}

const opened: FakeMicrophone[] = [];
let hold: Promise<void> | null = null;
vi.mock("../../src/audio/microphone", () => ({
  openMicrophone: async (wish: { channels: 1 | 2 }, onAudio: OnAudio) => {
    const microphone = new FakeMicrophone(wish, onAudio);
    opened.push(microphone);
    await hold;
    return microphone;
  },
}));
const { Conversation, begin, conversation, problem } = await import("../../src/live/running");

let server: FakeServer;
const settle = () => new Promise((resolve) => setTimeout(resolve));

beforeEach(() => {
  opened.length = 0;
  hold = null;
  server = new FakeServer();
  server.install();
  conversation.value = null;
  runningCall.value = false;
  vi.stubGlobal("fetch", async () =>
    Response.json({ error: { code: "call_not_found", message: "", hint: "" } }, { status: 404 }),
  );
});

async function talking(
  channels: 1 | 2 = 1,
): Promise<[InstanceType<typeof Conversation>, FakeMicrophone]> {
  await begin({ channels, callId: `c${Math.random()}`.replace(".", "") });
  const [microphone] = opened;
  if (!microphone || !conversation.value) throw new Error("nothing was opened");
  microphone.speak(0, channels);
  await settle();
  return [conversation.value, microphone];
}

describe("beginning", () => {
  it("does not open the microphone under a name that a call has or had", async () => {
    const gone = { error: { code: "call_deleted", message: "", hint: "" } };
    for (const answer of [() => Response.json({}), () => Response.json(gone, { status: 410 })]) {
      vi.stubGlobal("fetch", async () => answer());
      await begin({ channels: 1, callId: "taken" });
      expect(problem.value?.code).toBe("name_taken");
    }
    expect(opened).toEqual([]);
    expect(conversation.value).toBeNull();
  });

  it("waits for no server to begin, under whatever name", async () => {
    vi.stubGlobal("fetch", async () => Promise.reject(new TypeError("no network")));
    await begin({ channels: 1, callId: "named" });
    expect(problem.value).toBeNull();
    expect(opened.length).toBe(1);
    conversation.value?.stop();
  });
});

describe("a conversation", () => {
  it("waits for another microphone where one is pulled out, and hears that one alone", async () => {
    const [talk, first] = await talking(2);
    first.end("unplugged");
    await settle();
    expect(talk.unplugged.value).toBe(true);
    await talk.listen();
    const second = opened[1];
    expect(second?.wish.channels).toBe(2); // as the call began, whoever has spoken
    second?.speak(1, 2);
    first.speak(9, 2); // late, from the audio thread
    server.last.arrive();
    expect(server.call(talk.call.value?.callId.value ?? "").held).toEqual([0, 1]);
    expect(talk.unplugged.value).toBe(false);
  });

  it("opens one microphone at a time", async () => {
    const [talk, first] = await talking();
    first.end("unplugged");
    await settle();
    let allow = () => {};
    hold = new Promise((resolve) => {
      allow = resolve;
    });
    const asked = [talk.listen(), talk.listen()];
    allow();
    await Promise.all(asked);
    expect(opened).toHaveLength(2);
  });

  it("closes a microphone that is allowed only when the call is over", async () => {
    const [talk, first] = await talking();
    first.end("unplugged");
    await settle();
    let allow = () => {};
    hold = new Promise((resolve) => {
      allow = resolve;
    });
    const asked = talk.listen();
    talk.stop();
    server.last.arrive();
    expect(talk.call.value?.state.value).toBe("over");
    allow();
    await asked;
    expect(opened[1]?.stopped).toBe(true);
    opened[1]?.speak(5);
    expect(server.calls.size).toBe(1);
  });

  it("lets go of its microphone when the call ends without it", async () => {
    const [, microphone] = await talking();
    const refusal = { code: "call_deleted", message: "m", hint: "h", retryable: false };
    server.last.say({ type: "error", ...refusal });
    expect(microphone.stopped).toBe(true);
    expect(runningCall.value).toBe(false);
  });

  it("says so where a source ends without a sound, and is none where it was stopped", async () => {
    await begin({ channels: 1 });
    opened[0]?.end("over");
    await settle();
    expect(conversation.value).toBeNull();
    expect(problem.value?.code).toBe("sound_silent");
    await begin({ channels: 1 });
    conversation.value?.stop();
    await settle();
    expect(conversation.value).toBeNull();
    expect(problem.value).toBeNull();
  });

  it("tells which microphone does not fit the call", async () => {
    const [talk, first] = await talking();
    first.end("unplugged");
    await settle();
    await talk.listen();
    opened[1]?.speak(1, 2);
    expect(talk.problem.value?.code).toBe("sound_channels_changed");
    expect(talk.unplugged.value).toBe(true);
    expect(opened[1]?.stopped).toBe(true);
  });

  it("keeps the words of its earlier part where it goes on under another name", async () => {
    const [talk] = await talking();
    const id = talk.call.value?.callId.value ?? "";
    server.last.arrive();
    server.last.ack();
    server.call(id).finals.push("one");
    server.last.tell(0);
    server.call(id).open = false;
    server.calls.delete(id); // the record is gone
    server.last.break();
    await vi.waitFor(() => expect(talk.parts.value).toHaveLength(2), { timeout: 3000 });
    expect(talk.earlier.value.map(({ callId }) => callId)).toEqual([id]);
    expect(talk.rows.value.length).toBe(1);
    talk.part.value.captions.heard({
      ...{ type: "final", event: 1, channel: 0, utterance: 0, start: 0, end: 1 },
      ...{ text: "two", words: [] },
    });
    expect(talk.rows.value.length).toBe(2);
    expect(talk.rows.value.at(1).start).toBe(0.1); // where the sound of the first ends
  });
});
