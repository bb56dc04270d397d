import { signal } from "@preact/signals";

const NAME = "twicetold.key";

/** The tenant's key; null where none was given. Kept for this tab, or for this browser if asked. */
export const key = signal<string | null>(stored());

/** Whether the server has asked for a key, or for another one. */
export const keyWanted = signal(false);

export function setKey(value: string, remember: boolean): void {
  forget();
  key.value = value;
  keyWanted.value = false;
  keep(remember ? localStorage : sessionStorage, value);
}

/** Sign out: the page asks for a key again. */
export function forgetKey(): void {
  forget();
  key.value = null;
  keyWanted.value = true;
}

/** Have the page ask for another key where the server refused this one. */
export function refused(problem: { code: string }): void {
  if (problem.code === "unauthorized") keyWanted.value = true;
}

function stored(): string | null {
  try {
    return sessionStorage.getItem(NAME) ?? localStorage.getItem(NAME);
  } catch {
    return null; // storage is closed to this page: the key lives as long as the tab
  }
}

function keep(storage: Storage, value: string): void {
  try {
    storage.setItem(NAME, value);
  } catch {
    // as above
  }
}

function forget(): void {
  try {
    sessionStorage.removeItem(NAME);
    localStorage.removeItem(NAME);
  } catch {
    // nothing was kept
  }
}
