import { afterEach, describe, expect, it, vi } from "vitest";
import { address, asProblem, callPath, get, post, remove } from "../../src/api/http";
import { forgetKey, keyWanted, setKey } from "../../src/api/key";

function answering(...responses: (Response | Error)[]) {
  const asked = vi.fn<(url: URL, init: RequestInit) => Promise<Response>>(async () => {
    const response = responses.shift();
    if (response instanceof Response) return response;
    throw response;
  });
  vi.stubGlobal("fetch", asked);
  return asked;
}

function at(href: string) {
  vi.spyOn(document, "baseURI", "get").mockReturnValue(href);
}

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  forgetKey();
  keyWanted.value = false;
});

describe("address", () => {
  it.each([
    ["http://host/", "http://host/v1/calls"],
    ["http://host/speech/", "http://host/speech/v1/calls"],
    ["http://host/speech/#/calls/x?t=1", "http://host/speech/v1/calls"],
    ["http://host/speech/index.html?a=b", "http://host/speech/v1/calls"],
  ])("of a page at %s", (base, expected) => {
    at(base);
    expect(address("v1/calls").href).toBe(expected);
  });

  it("leaves out what was not asked for", () => {
    at("http://host/");
    const url = address("v1/calls", { limit: 0, status: undefined, id: "" });
    expect(url.search).toBe("?limit=0");
  });
});

describe("callPath", () => {
  it("escapes the id", () => {
    expect(callPath("a/../b?c", "/audio")).toBe("v1/calls/a%2F..%2Fb%3Fc/audio");
  });
});

describe("exchange", () => {
  it("shows the key", async () => {
    setKey("secret", false);
    const asked = answering(Response.json({ calls: [] }));
    expect(await get("v1/calls")).toEqual({ calls: [] });
    expect(asked.mock.calls[0]?.[1].headers).toEqual({ Authorization: "Bearer secret" });
  });

  it("posts JSON, and takes an answer without a body", async () => {
    const asked = answering(Response.json({ ticket: "t" }), new Response(null, { status: 204 }));
    await post("v1/tickets", { call_id: "c" });
    await remove("v1/calls/c");
    expect(asked.mock.calls.map(([, init]) => [init.method, init.body])).toEqual([
      ["POST", '{"call_id":"c"}'],
      ["DELETE", undefined],
    ]);
  });

  it("asks for a key when the server does", async () => {
    const error = { code: "unauthorized", message: "m", hint: "h", retryable: false };
    answering(Response.json({ error }, { status: 401 }));
    await expect(get("v1/calls")).rejects.toMatchObject({ code: "unauthorized", status: 401 });
    expect(keyWanted.value).toBe(true);
  });

  it("says that nobody answers", async () => {
    answering(new TypeError("Failed to fetch"));
    await expect(get("v1/calls")).rejects.toMatchObject({ code: "unreachable", retryable: true });
  });

  it("passes on that it was broken off", async () => {
    const control = new AbortController();
    control.abort();
    answering(new DOMException("Aborted", "AbortError"));
    const asking = get("v1/calls", { signal: control.signal });
    await expect(asking).rejects.toMatchObject({ name: "AbortError" });
  });
});

describe("asProblem", () => {
  it("does not show what a mistake of the page says, but to whoever looks for it", () => {
    const reported = vi.fn();
    vi.stubGlobal("reportError", reported);
    const mistake = new TypeError("x is undefined");
    expect(asProblem(mistake).message).toBe("The page made a mistake.");
    expect(reported).toHaveBeenCalledWith(mistake);
  });
});
