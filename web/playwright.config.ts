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
  timeout: 240_000, // generous: other tests keep the cores busy
  expect: { timeout: 30_000 },
  fullyParallel: true,
  workers: 2, // the other tests run beside them
  reporter: [["list"]],
  use: {
    headless: true,
    trace: "off", // costs a third of the time; --trace on to look into a failure
    screenshot: "only-on-failure",
    launchOptions: { executablePath: browser ?? "", args: QUIET },
  },
});
