import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Player } from "../../src/call/player";

const asked = vi.fn<(url: URL) => Promise<Response>>();
let refusal: object | null;

beforeEach(() => {
  refusal = null;
  asked.mockReset().mockImplementation(async (url) => {
    if (String(url).includes("tickets")) return Response.json({ ticket: "t" });
    return refusal ? Response.json({ error: refusal }, { status: 503 }) : new Response("RIFF");
  });
  vi.stubGlobal("fetch", asked);
});

afterEach(() => vi.unstubAllGlobals());

/** The browser could not play what it got: once, and with another ticket again. */
async function failed(player: Player): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) {
    player.audio.onerror?.("error");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const withheld = { code: "redaction_unavailable", message: "m", hint: "h", retryable: false };

describe("a player", () => {
  it("says that a recording is withheld, and takes it when it is there", async () => {
    const player = new Player("c", 60);
    await player.open();
    refusal = withheld;
    await failed(player);
    expect(player.withheld.value?.message).toBe("m");
    expect(player.problem.value).toBeNull();
    const { version } = player;
    const before = version.value;
    refusal = null;
    await player.again();
    expect(player.withheld.value).toBeNull();
    expect(version.value).toBe(before + 1);
    player.close();
  });

  it("is left alone by a call that moves on where nothing was withheld", async () => {
    const player = new Player("c", 60);
    await player.open();
    await player.again();
    expect(player.version.value).toBe(0);
    expect(asked).toHaveBeenCalledTimes(1);
    player.close();
  });

  it("says what the server says of a recording that is gone", async () => {
    const player = new Player("c", 60);
    refusal = { ...withheld, code: "recording_not_found", message: "It is gone." };
    await failed(player);
    expect(player.problem.value?.message).toBe("It is gone.");
    player.close();
  });

  it("says that the browser cannot play what the server has", async () => {
    const player = new Player("c", 60);
    await failed(player);
    expect(player.problem.value?.code).toBe("unplayable");
    player.close();
  });
});
