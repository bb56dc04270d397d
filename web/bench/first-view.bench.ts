import { type Browser, expect, test } from "@playwright/test";
import { Server, seeded } from "../e2e/support/server";
import { report, summary } from "./support/results";

const LOADS = 20;
const VIEWS = [
  ["first_view", "", "button.main"],
  ["calls_view", "calls", ".call-line"],
] as const;

/** With nothing in the browser's cache: what comes over the wire, and when it can be used. */
test("the first view: bytes and time", async ({ browser }) => {
  const server = await Server.start({ folder: seeded("many", "1000") });
  for (const [name, view, usable] of VIEWS) {
    const times: number[] = [];
    let bytes: Record<string, number> = {};
    for (let load = 0; load < LOADS; load += 1) {
      const seen = await loaded(browser, `${server.url}/#/${view}`, usable);
      times.push(seen.usableMs);
      bytes = seen.bytes;
    }
    const code = (bytes["Script"] ?? 0) + (bytes["Stylesheet"] ?? 0);
    report(name, { usable_ms: summary(times), js_and_css_kb: code / 1000, bytes });
  }
  await server.stop();
});

async function loaded(browser: Browser, url: string, usable: string) {
  const context = await browser.newContext();
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  const kinds = new Map<string, string>();
  const bytes: Record<string, number> = {};
  await devtools.send("Network.enable");
  devtools.on("Network.responseReceived", ({ requestId, type }) => kinds.set(requestId, type));
  devtools.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => {
    const kind = kinds.get(requestId) ?? "Other";
    bytes[kind] = (bytes[kind] ?? 0) + encodedDataLength;
  });
  await page.addInitScript((selector) => {
    const watching = new MutationObserver(() => {
      const found = document.querySelector<HTMLButtonElement>(selector);
      if (!found || found.disabled) return;
      watching.disconnect();
      requestAnimationFrame(() => setTimeout(() => performance.mark("usable")));
    });
    watching.observe(document, { childList: true, subtree: true, attributes: true });
  }, usable);
  await page.goto(url);
  await expect(page.locator(usable).first()).toBeVisible();
  await page.waitForFunction(() => performance.getEntriesByName("usable").length > 0);
  const usableMs = await page.evaluate(
    () => performance.getEntriesByName("usable")[0]?.startTime ?? Number.NaN,
  );
  await page.waitForLoadState("networkidle");
  await context.close();
  return { usableMs, bytes };
}
