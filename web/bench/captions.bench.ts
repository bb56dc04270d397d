import { type ChildProcess, spawn } from "node:child_process";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { expect, type Page, test } from "@playwright/test";
import { PYTHON, Server } from "../e2e/support/server";
import { report, summary } from "./support/results";
import { watch } from "./support/watching";

const MEASURED_S = 60;
const HOUR_S = 3590; // the most that a new call may catch up with is an hour

/** Reading along a call of an hour, which was sent faster than it was spoken until then. */
test("captions: received to painted, in minute 1 and in minute 60", async ({ browser }) => {
  const settings = { live_engine: "counter", batch_engine: "counter" };
  const server = await Server.start({ settings });
  for (const [name, beforeS] of [
    ["captions_minute_1", 0],
    ["captions_minute_60", HOUR_S],
  ] as const) {
    const page = await browser.newPage();
    await watch(page);
    const feed = fed(server, name, beforeS);
    await caughtUp(feed);
    await page.goto(`${server.url}/#/follow/${name}`);
    await expect(page.locator(".line").first()).toBeVisible({ timeout: 60_000 });
    await page.waitForTimeout(5000); // all that was said before has come
    report(name, await measured(page));
    await page.close();
    feed.kill();
  }
  await server.stop();
});

function fed(server: Server, callId: string, beforeS: number): ChildProcess {
  const script = join(import.meta.dirname, "support/feed.py");
  const args = [script, server.url, callId, String(beforeS), String(MEASURED_S + 60)];
  return spawn(PYTHON, args, { stdio: ["ignore", "pipe", "inherit"] });
}

async function caughtUp(feed: ChildProcess): Promise<void> {
  if (!feed.stdout) throw new Error("the feed has no output");
  for await (const line of createInterface(feed.stdout)) if (line === "caught up") return;
  throw new Error("the feed ended before it had caught up");
}

async function measured(page: Page) {
  await page.evaluate(() => {
    window.watched.captions = [];
    window.watched.slow = [];
  });
  await page.waitForTimeout(MEASURED_S * 1000);
  const { captions, slow } = await page.evaluate(() => window.watched);
  const rows = await page.locator(".line").first().getAttribute("aria-setsize");
  const drawn = await page.locator(".line").count();
  return {
    received_to_painted_ms: summary(captions.map(({ took }) => took)),
    frames_over_50_ms: slow.length,
    rows: Number(rows),
    rows_in_the_document: drawn,
  };
}
