import { render } from "preact";
import { act } from "preact/test-utils";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { type Shortcut, shortcuts, useShortcuts } from "../../src/ui/keys";

const run = vi.fn();
const list: Shortcut[] = [
  { keys: ["/"], label: "/", does: "search", run },
  { keys: [" "], label: "space", does: "play", run },
  { keys: ["ArrowLeft"], label: "←", does: "back", run },
  { keys: ["Escape"], label: "Esc", does: "leave", run },
];

function View() {
  useShortcuts(list);
  return (
    <>
      <p tabIndex={-1}>text</p>
      <input name="words" />
      <input type="checkbox" />
      <input type="range" />
      <textarea />
      <button type="button">go</button>
      <dialog />
    </>
  );
}

function press(selector: string, key: string, more: KeyboardEventInit = {}) {
  run.mockClear();
  const event = new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true, ...more });
  document.querySelector(selector)?.dispatchEvent(event);
  return run.mock.calls.length === 1;
}

beforeEach(() => act(() => render(<View />, document.body)));
afterEach(() => act(() => render(null, document.body)));

describe("useShortcuts", () => {
  it.each([
    ["p", "/", true],
    ["p", "x", false],
    ["button", "/", true],
    ["button", " ", false],
    ["input[name]", "/", false],
    ["input[name]", "ArrowLeft", false],
    ["input[name]", "Escape", true],
    ["input[type=checkbox]", " ", false],
    ["input[type=checkbox]", "/", true],
    ["input[type=range]", "ArrowLeft", false],
    ["input[type=range]", " ", true],
    ["textarea", "/", false],
  ])("on %s the key %j runs: %s", (selector, key, runs) => {
    expect(press(selector, key)).toBe(runs);
  });

  it("leaves the browser its own", () => {
    expect(press("p", "/", { ctrlKey: true })).toBe(false);
  });

  it("is quiet while a dialog is open", () => {
    document.querySelector("dialog")?.setAttribute("open", "");
    expect(press("p", "/")).toBe(false);
  });

  it("forgets them when the view goes", () => {
    act(() => render(null, document.body));
    expect(shortcuts.value).toEqual([]);
  });
});
