import { defineConfig } from "@playwright/test";
import { chromium, QUIET } from "./e2e/support/browser";

const browser = chromium();
const missing =
  "There is no Chromium here: THE PAGE WAS NOT TRIED IN A BROWSER (Debian: chromium).";
if (!browser && process.env["PAGE_E2E"] === "require") throw new Error(missing);
if (!browser) process.stderr.write(`${missing}\n`);

/** The page as its users meet it: a real server, a real Chromium, a recording as the microphone. */
export default defineConfig({
  testDir: "e2e",
  testIgnore: browser ? [] : ["**"],
  timeout: 90_000,
  expect: { timeout: 10_000 },
  workers: 2,
  reporter: [["list"]],
  use: {
    headless: true,
    trace: "retain-on-failure",
    launchOptions: { executablePath: browser ?? "", args: QUIET },
  },
});
