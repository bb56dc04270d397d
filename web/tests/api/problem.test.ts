import { describe, expect, it } from "vitest";
import { bodyOf, problemIn, problemOf } from "../../src/api/problem";

const problem = { code: "call_not_found", message: "None.", hint: "Look.", retryable: false };

describe("problemIn", () => {
  it("finds the error of an answer", () => {
    expect(problemIn({ error: problem })).toEqual(problem);
  });

  it.each([null, 7, "error", {}, { error: null }, { error: "x" }, { error: { code: 1 } }])(
    "does not take %j for one",
    (body) => {
      expect(problemIn(body)).toBeNull();
    },
  );
});

describe("problemOf", () => {
  it("keeps the words and the status", async () => {
    const error = await problemOf(Response.json({ error: problem }, { status: 404 }));
    expect(error).toMatchObject({ ...problem, status: 404 });
  });

  it("tells of a stranger's answer, such as a proxy's page", async () => {
    const error = await problemOf(new Response("<h1>Bad Gateway</h1>", { status: 502 }));
    expect(error).toMatchObject({ code: "unexpected_answer", status: 502, retryable: true });
    expect(error.message).not.toContain("<h1>");
  });
});

describe("bodyOf", () => {
  it.each(["<html>sign in</html>", "", "null", "7"])(
    "does not take %j for an answer",
    async (text) => {
      await expect(bodyOf(new Response(text))).rejects.toMatchObject({ code: "unexpected_answer" });
    },
  );

  it("says so where the answer breaks off", async () => {
    const broken = { json: () => Promise.reject(new TypeError("network")) } as Response;
    await expect(bodyOf(broken)).rejects.toMatchObject({ code: "unreachable" });
  });
});
