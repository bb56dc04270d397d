import type { Measure } from "./range";

export const NAMES: Record<Measure, string> = {
  audio_s: "Audio",
  compute_s: "Compute",
  cost: "Cost",
};

/** A value as people say it: "12.4 h", "3.5 min", "42 s", "$1.23". */
export function amount(measure: Measure, value: number, currency: string): string {
  return measure === "cost" ? money(value, currency) : hours(value);
}

export function hours(seconds: number): string {
  if (seconds < 59.95) return `${trimmed(seconds)} s`;
  if (seconds < 3597) return `${trimmed(seconds / 60)} min`;
  return `${trimmed(seconds / 3600)} h`;
}

function trimmed(value: number): string {
  const digits = value >= 100 || Number.isInteger(value) ? 0 : 1;
  return value.toLocaleString(undefined, {
    minimumFractionDigits: digits,
    maximumFractionDigits: digits,
  });
}

/** What is less than a cent has more digits: a minute costs that much. */
export function money(value: number, currency: string): string {
  const digits = value === 0 || value >= 1 ? 2 : value >= 0.01 ? 3 : 5;
  const style = { minimumFractionDigits: Math.min(2, digits), maximumFractionDigits: digits };
  try {
    return value.toLocaleString(undefined, { style: "currency", currency, ...style });
  } catch {
    return `${value.toLocaleString(undefined, style)} ${currency}`.trim(); // no code of ISO 4217
  }
}

/** The top of an axis: a round number, in the unit in which it will be told, not below `most`. */
export function roundTop(measure: Measure, most: number): number {
  if (!(most > 0)) return measure === "cost" ? 1 : 60;
  const unit = measure === "cost" ? 1 : most >= 3600 ? 3600 : most >= 60 ? 60 : 1;
  const power = 10 ** Math.floor(Math.log10(most / unit));
  const step = [1, 2, 4, 6, 8, 10].find((each) => each * power * unit >= most * 0.9999) ?? 10;
  return step * power * unit;
}
