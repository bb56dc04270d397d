import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { storedSetting, storeSetting } from "./settings";

/** What a key does: `keys` as KeyboardEvent.key gives them, `label` as the help shows them. */
export interface Shortcut {
  keys: string[];
  label: string;
  does: string;
  run: (event: KeyboardEvent) => void;
}

/** Those in force now, for the help. */
export const shortcuts = signal<Shortcut[]>([]);

const NAME = "twicetold.keys";

/**
 * Whether single letters and signs do something (WCAG 2.1.4). Where one speaks to the machine
 * instead of typing, or hits keys by mistake, they had better not.
 */
export const singleKeys = signal(storedSetting(NAME) !== "off");

export function setSingleKeys(on: boolean): void {
  singleKeys.value = on;
  storeSetting(NAME, on ? null : "off");
}

/** Shortcuts for as long as a component is shown. `list` is to be made once (useMemo) or kept. */
export function useShortcuts(list: Shortcut[]): void {
  useEffect(() => {
    shortcuts.value = [...shortcuts.peek(), ...list];
    return () => {
      shortcuts.value = shortcuts.peek().filter((shortcut) => !list.includes(shortcut));
    };
  }, [list]);
}

addEventListener("keydown", (event) => {
  if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
  if (document.querySelector("dialog[open]")) return;
  const shortcut = shortcuts.peek().findLast(({ keys }) => keys.includes(event.key));
  if (!singleKeys.peek() && event.key.length === 1 && event.key !== " ") return;
  if (!shortcut || isTakenBy(event.target, event.key)) return;
  event.preventDefault();
  shortcut.run(event);
});

const ARROWS = /^(Arrow|Home$|End$|Page)/;

/** Whether the focused element needs the key itself: a field to write in, a button for space. */
function isTakenBy(target: EventTarget | null, key: string): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target.isContentEditable || target.matches("textarea, select")) return key !== "Escape";
  if (target instanceof HTMLInputElement) {
    if (["checkbox", "radio", "button"].includes(target.type)) return key === " ";
    if (target.type === "range") return ARROWS.test(key);
    return key !== "Escape";
  }
  const pressed = key === " " || key === "Enter";
  if (pressed && target.closest("button, a[href], summary, [role=button], [role=tab]")) return true;
  return (
    ARROWS.test(key) && target.closest("[role=listbox], [role=slider], [role=tablist]") !== null
  );
}
