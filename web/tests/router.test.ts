import { describe, expect, it } from "vitest";
import { callLink, link, parse } from "../src/router";

describe("parse", () => {
  it.each([
    ["", "live"],
    ["#", "live"],
    ["#/", "live"],
    ["#/live", "live"],
    ["#/calls", "calls"],
    ["#/usage?span=30", "usage"],
    ["#/usage/x", "unknown"],
    ["#/calls/", "unknown"],
    ["#/calls/a/b", "unknown"],
    ["#/nowhere", "unknown"],
    ["#/screen", "unknown"],
  ])("%s is %s", (hash, name) => {
    expect(parse(hash).name).toBe(name);
  });

  it("reads the query behind the hash", () => {
    const route = parse("#/calls?q=good%20morning&status=done");
    expect(route.name === "calls" && [...route.query]).toEqual([
      ["q", "good morning"],
      ["status", "done"],
    ]);
  });

  it("keeps what is not escaped as people do it", () => {
    expect(parse("#/calls/100%")).toMatchObject({ name: "call", callId: "100%" });
  });
});

describe("callLink", () => {
  it.each(["call-7f3a", "a?b=c&d", "a/b", "50%", "<img src=x>", "שלום 🙂", "..", "#/calls"])(
    "leads back to the call %s",
    (callId) => {
      const route = parse(callLink(callId, { t: 12.5, q: undefined, view: "" }));
      expect(route).toMatchObject({ name: "call", callId });
      expect(route.name === "call" && [...route.query]).toEqual([["t", "12.5"]]);
    },
  );
});

describe("link", () => {
  it("has no empty tail", () => {
    expect(link("")).toBe("#/");
    expect(link("calls", { q: "" })).toBe("#/calls");
    expect(link("calls", { q: "a b" })).toBe("#/calls?q=a+b");
  });
});
