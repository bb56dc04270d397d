import { describe, expect, it } from "vitest";
import { microphoneError, soundError } from "../../src/audio/problems";

describe("what goes wrong with a microphone", () => {
  it.each([
    ["NotAllowedError", "sound_refused"],
    ["SecurityError", "sound_refused"],
    ["NotFoundError", "sound_missing"],
    ["OverconstrainedError", "sound_gone"],
    ["NotReadableError", "sound_claimed"],
    ["AbortError", "sound_claimed"],
    ["SomethingNewError", "sound_claimed"],
  ])("%s is told as %s, with what to do", (name, code) => {
    const error = microphoneError(new DOMException("", name));
    expect(error.code).toBe(code);
    expect(error.hint).not.toBe("");
  });

  it("is told whatever was thrown", () => {
    expect(microphoneError("what").code).toBe("sound_claimed");
    expect(soundError("insecure").message).toContain("microphone");
  });
});
