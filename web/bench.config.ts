import { defineConfig } from "@playwright/test";
import { chromium, QUIET } from "./e2e/support/browser";

const browser = chromium();
if (!browser) throw new Error("The page's figures take a Chromium (Debian: chromium).");

/** `make bench ARGS=page`: figures, not tests; docs/benchmarks.md says what they mean. */
export default defineConfig({
  testDir: "bench",
  testMatch: "*.bench.ts",
  timeout: 2 * 3600_000,
  workers: 1, // nothing else is to run beside what is measured
  reporter: [["list"]],
  use: { headless: true, launchOptions: { executablePath: browser, args: QUIET } },
});
