import { signal } from "@preact/signals";

const NAME = "twicetold.key";
/** What can stand in a header and in a WebSocket's subprotocol (RFC 9110, 5.6.2). */
const SENDABLE = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** The tenant's key; null where none was given. Kept for this tab, or for this browser if asked. */
export const key = signal<string | null>(stored());

/** Whether the server has asked for a key, or for another one. */
export const keyWanted = signal(false);

/** Whether it can be a key at all. */
export function isSendable(text: string): boolean {
  return SENDABLE.test(text);
}

export function setKey(value: string, remember: boolean): void {
  forget();
  keep(remember ? "localStorage" : "sessionStorage", value);
  key.value = value;
  keyWanted.value = false;
}

/** Sign out: the page begins anew, and nothing that it holds is left to whoever comes next. */
export function forgetKey(): void {
  forget();
  location.reload();
}

/** Have the page ask for another key where the server has refused this one. */
export function askForKey(problem: { code: string }): void {
  if (problem.code === "unauthorized") keyWanted.value = true;
}

function stored(): string | null {
  try {
    const value = sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
    return value !== null && isSendable(value) ? value : null;
  } catch {
    return null; // storage is closed to this page: the key lives as long as the tab
  }
}

function keep(where: "localStorage" | "sessionStorage", value: string): void {
  try {
    globalThis[where].setItem(NAME, value);
  } catch {
    // as above
  }
}

function forget(): void {
  for (const where of ["localStorage", "sessionStorage"] as const) {
    try {
      globalThis[where].removeItem(NAME);
    } catch {
      // nothing was kept there
    }
  }
}
