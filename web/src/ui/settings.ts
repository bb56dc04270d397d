/** What the reader has chosen, kept in this browser; null: nothing, or storage is closed to us. */
export function storedSetting(name: string): string | null {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}

/** Where storage is closed to this page, a choice lasts as long as the tab. */
export function storeSetting(name: string, value: string | null): void {
  try {
    if (value === null) localStorage.removeItem(name);
    else localStorage.setItem(name, value);
  } catch {
    // as above
  }
}
