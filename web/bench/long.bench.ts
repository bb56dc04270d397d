import { expect, type Page, test } from "@playwright/test";
import { Server, seeded } from "../e2e/support/server";
import { report, tenth } from "./support/results";
import { watch } from "./support/watching";

const WORDS = 100_000;
const RUNS = 3;

/** Ten hours on screen: every frame over 50 ms is told of, by what was done then. */
test("a transcript of ten hours: opens, scrolls, highlights", async ({ browser }) => {
  const server = await Server.start({ folder: seeded("long", String(WORDS)) });
  const figures: Record<string, Step[]> = {};
  for (let run = 0; run < RUNS; run += 1) {
    const page = await browser.newPage({ viewport: { width: 1280, height: 800 } });
    await watch(page);
    await walk(page, server.url, (name, step) => {
      figures[name] = [...(figures[name] ?? []), step];
    });
    await page.close();
  }
  report("long", { words: WORDS, runs: RUNS, ...figures });
  await server.stop();
});

interface Step {
  ms: number;
  frames_over_50_ms: number;
  longest_frame_ms: number;
  slowest: string;
}

async function walk(page: Page, url: string, tell: (name: string, step: Step) => void) {
  const step = async (name: string, work: () => Promise<unknown>) => {
    await page.evaluate(() => {
      window.watched.slow = [];
      window.watched.longest = 0;
    });
    const began = performance.now();
    await work();
    const ms = tenth(performance.now() - began);
    await page.waitForTimeout(300); // what it leaves to be done counts as well
    const { slow, longest } = await page.evaluate(() => window.watched);
    const most = slow.toSorted((a, b) => b.took - a.took)[0];
    const slowest = most ? `${tenth(most.took)} ms: ${most.script}` : "";
    tell(name, { ms, frames_over_50_ms: slow.length, longest_frame_ms: tenth(longest), slowest });
  };
  await page.goto(`${url}/#/calls`);
  await expect(page.locator(".call-line")).toHaveCount(1);
  const lines = page.locator(".line");
  await step("open", async () => {
    await page.getByRole("link", { name: "long" }).click();
    await expect(lines.first()).toBeVisible();
  });
  await step("waveform", () =>
    expect(page.locator(".waveform canvas").first()).toBeAttached({ timeout: 120_000 }),
  );
  await page.mouse.move(600, 650);
  await step("scroll by wheel", async () => {
    for (let turn = 0; turn < 120; turn += 1) {
      await page.mouse.wheel(0, 600);
      await page.waitForTimeout(30);
    }
  });
  await step("drag the scroll bar", () =>
    page.evaluate(async () => {
      const box = document.querySelector(".scroller") as HTMLElement;
      for (let turn = 0; turn <= 120; turn += 1) {
        box.scrollTop = (box.scrollHeight * ((turn * 37) % 121)) / 121;
        await new Promise((resolve) => setTimeout(resolve, 30));
      }
    }),
  );
  await page.getByLabel("Speed").selectOption("3");
  await step("words highlighted, 10 s at threefold speed", async () => {
    await lines.nth(3).locator("[data-word]").first().click();
    await page.waitForTimeout(10_000);
    await page.getByRole("button", { name: "Pause", exact: true }).click();
  });
  await step("find a word that stands 1,000 times", async () => {
    await page.getByLabel("Find in this call").pressSequentially("daughter", { delay: 40 });
    await expect(page.getByText(/^1 of \d+$|^\d+ of \d+$/).first()).toBeVisible();
  });
  await step("go to the next place, 20 times", async () => {
    for (let turn = 0; turn < 20; turn += 1)
      await page.getByRole("button", { name: "Next" }).click();
  });
  await page.getByLabel("Find in this call").fill("");
  await step("compare both tellings", async () => {
    await page.getByRole("button", { name: "Difference" }).click();
    await expect(page.locator(".line del").first()).toBeVisible({ timeout: 60_000 });
  });
}
