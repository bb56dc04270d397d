import { defineConfig } from "@playwright/test";
import { chromium, QUIET } from "./e2e/support/browser";

const browser = chromium();
if (!browser) throw new Error("Pictures take a Chromium (Debian: chromium), or CHROMIUM=/path.");

/** `npm run pictures`: the pictures of the page in docs/pictures, from a real server. */
export default defineConfig({
  testDir: "pictures",
  testMatch: "*.pictures.ts",
  timeout: 300_000,
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: [["list"]],
  use: { headless: true, launchOptions: { executablePath: browser, args: QUIET } },
});
