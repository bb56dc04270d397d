import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, describe, expect, it } from "vitest";
import { ToldAgain } from "../../src/ui/told-again";

function bar(share: number): HTMLProgressElement {
  act(() => render(<ToldAgain share={share} />, document.body));
  return document.querySelector("progress") as HTMLProgressElement;
}

afterEach(() => act(() => render(null, document.body)));

describe("ToldAgain", () => {
  it("says how far it is, to eyes and to ears", () => {
    const progress = bar(0.254);
    expect(progress.value).toBeCloseTo(0.254);
    expect(progress.max).toBe(1);
    expect(progress.getAttribute("aria-label")).toBe("Transcribing");
    expect(progress.getAttribute("aria-valuetext")).toBe("25 %");
    expect(document.body.textContent).toBe("25 %");
  });

  it.each([0, 0.006])("claims no figure before any of it is done: %d", (share) => {
    const progress = bar(share);
    expect(progress.hasAttribute("value")).toBe(false);
    expect(progress.getAttribute("aria-valuetext")).toBe("just begun");
    expect(document.body.textContent).toBe("just begun");
  });

  it("moves on from where it was, and past the last word", () => {
    bar(0);
    expect(bar(0.5).value).toBe(0.5);
    expect(bar(1).getAttribute("aria-valuetext")).toBe("finishing");
  });
});
