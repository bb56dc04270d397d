import { existsSync, readFileSync, writeFileSync } from "node:fs";

const FILE = process.env["BENCH_OUT"] ?? "bench-results.json";

/** Lay a figure beside those of the other measurements of this run. */
export function report(name: string, figures: unknown): void {
  const before = existsSync(FILE) ? JSON.parse(readFileSync(FILE, "utf8")) : {};
  writeFileSync(FILE, JSON.stringify({ ...before, [name]: figures }, null, 2));
}

/** p50, p95 and the largest, rounded to a tenth, and how many there were. */
export function summary(values: readonly number[]) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (share: number) =>
    tenth(sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN);
  return { p50: at(0.5), p95: at(0.95), max: tenth(sorted.at(-1) ?? Number.NaN), n: values.length };
}

export function tenth(value: number): number {
  return Math.round(value * 10) / 10;
}
