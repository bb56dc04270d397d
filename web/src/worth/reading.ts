/** Reads JSON that may be of another version than this page: what is not as it should be is left out. */
export type Body = Readonly<Record<string, unknown>>;

export function bodyOf(value: unknown): Body {
  return typeof value === "object" && value !== null && !Array.isArray(value)
    ? (value as Body)
    : {};
}

export function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

export function numberOf(value: unknown): number | null {
  return typeof value === "number" && Number.isFinite(value) ? value : null;
}

export function textOf(value: unknown): string | null {
  return typeof value === "string" && value !== "" ? value : null;
}

export function within(value: number, least: number, most: number): number {
  return Math.max(least, Math.min(most, value));
}
