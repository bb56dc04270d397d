import { defineConfig } from "@playwright/test";
import { chromium, QUIET } from "./e2e/support/browser";

/** The page as its users meet it: a real server, a real Chromium, a recording as the microphone. */
export default defineConfig({
  testDir: "e2e",
  timeout: 90_000,
  expect: { timeout: 10_000 },
  workers: 2,
  reporter: [["list"]],
  use: {
    headless: true,
    trace: "retain-on-failure",
    launchOptions: { executablePath: chromium() ?? "no Chromium on this machine", args: QUIET },
  },
});
