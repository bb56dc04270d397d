import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { expect, test } from "@playwright/test";
import { microphone, QUIET } from "../e2e/support/browser";
import { PYTHON, Server, temporary } from "../e2e/support/server";
import { report, summary } from "./support/results";
import { watch } from "./support/watching";

const MINUTES = Number(process.env["BENCH_TALK_MINUTES"] ?? 2);
const wav = join(temporary(), "counting.wav");
const COUNT = `
import sys, wave
from twicetold.engines.counter import render
with wave.open(sys.argv[1], "wb") as file:
    file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
    words = int(float(sys.argv[2]) * 60 / 0.4) + 100
    file.writeframes(render(0, words, 16000, burst_s=0.28, gap_s=0.1, group=20, pause_s=0.9))
`;
execFileSync(PYTHON, ["-c", COUNT, wav, String(MINUTES)]);

test.use({
  permissions: ["microphone"],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...QUIET, ...microphone(wav)] });
  },
});

/** One's own call: microphone in, captions out, in real time; BENCH_TALK_MINUTES long. */
test("captions of one's own call: received to painted, its first and its last minute", async ({
  page,
}) => {
  const settings = { live_engine: "counter", batch_engine: "null" };
  const server = await Server.start({ settings });
  await watch(page);
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line").first()).toBeVisible({ timeout: 20_000 });
  await page.waitForTimeout(MINUTES * 60_000);
  const { captions, slow } = await page.evaluate(() => window.watched);
  const [began, ended] = [captions[0]?.at ?? 0, captions.at(-1)?.at ?? 0];
  const minute = (from: number) =>
    summary(captions.filter(({ at }) => at >= from && at < from + 60_000).map(({ took }) => took));
  report("talking", {
    minutes: MINUTES,
    first_minute_ms: minute(began),
    last_minute_ms: minute(ended - 60_000),
    all_ms: summary(captions.map(({ took }) => took)),
    frames_over_50_ms: slow.length,
    rows: Number(await page.locator(".line").first().getAttribute("aria-setsize")),
  });
  await server.stop();
});
