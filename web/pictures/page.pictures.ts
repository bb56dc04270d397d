import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Browser, expect, type Page, test } from "@playwright/test";
import { ROOT, Server, sample, sampleWav, seededWorth, WORDLESS } from "../e2e/support/server";

const THEMES = ["light", "dark"] as const;
const WIDE = { width: 1280, height: 800 };
const NARROW = { width: 390, height: 844 };
const SPOKEN_MS = 17_000; // into the sample call: two people have spoken, and one does

let server: Server;

test.beforeAll(async () => {
  server = await Server.start();
  for (const name of ["internet.stereo", "billing.stereo", "hello"]) {
    await server.upload(name, new Uint8Array(readFileSync(sample(`${name}.flac`))));
  }
  for (const name of ["internet.stereo", "billing.stereo", "hello"]) {
    await server.until(name, "done", 200_000);
  }
});

test.afterAll(() => server.stop());

type Theme = (typeof THEMES)[number];

async function opened(browser: Browser, colorScheme: Theme, view: string, viewport = WIDE) {
  const context = await browser.newContext({ colorScheme, viewport, locale: "en-GB" });
  const page = await context.newPage();
  await page.goto(`${server.url}/#/${view}`);
  await page.evaluate(() => document.fonts.ready.then(() => true));
  return page;
}

async function taken(page: Page, name: string, theme: Theme, close = true): Promise<void> {
  await page.waitForTimeout(400); // transitions
  await page.screenshot({ path: join(ROOT, "docs/pictures", `${name}-${theme}.png`) });
  if (close) await page.context().close();
}

test("the first view, and a list without calls", async ({ browser }) => {
  const empty = await Server.start({ settings: { live_hosts: 1, batch_hosts: 1 } });
  for (const theme of THEMES) {
    await taken(await opened(browser, theme, ""), "start", theme);
    const page = await opened(browser, theme, "");
    await page.goto(`${empty.url}/#/calls`);
    await expect(page.getByText("No calls yet")).toBeVisible();
    await taken(page, "empty", theme);
  }
  await empty.stop();
});

for (const theme of THEMES) {
  test(`a call from its first words to its second telling, ${theme}`, async ({ browser }) => {
    const page = await opened(browser, theme, "");
    const callId = `delivery-${theme}`;
    await page.getByText("More", { exact: true }).click();
    await page.getByLabel("Name of the call").fill(callId);
    await page.getByLabel("Hear it while it plays").uncheck();
    await page.getByLabel("Recording to play").setInputFiles(sampleWav("delivery.stereo"));
    await expect(page.locator(".line").first()).toBeVisible();
    const screen = await opened(browser, theme, `screen/${callId}`);
    const follow = await opened(browser, theme, `follow/${callId}`);
    await page.waitForTimeout(SPOKEN_MS);
    await expect(page.locator(".line.partial").first()).toBeVisible();
    await taken(page, "live", theme, false);
    if (theme === "dark")
      await taken(screen, "screen", theme); // in either theme it is dark
    else await screen.context().close();
    await taken(follow, "follow", theme);
    await page.setViewportSize(NARROW);
    await taken(page, "live-phone", theme, false);
    await page.setViewportSize(WIDE);
    await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 120_000 });
    await taken(page, "told-twice", theme);
  });
}

test("asking for a key", async ({ browser }) => {
  const keyed = await Server.start({ settings: { live_hosts: 1, batch_hosts: 1 } });
  await keyed.addTenant("acme");
  for (const theme of THEMES) {
    const page = await opened(browser, theme, "");
    await page.goto(keyed.url);
    await expect(page.getByLabel("Key", { exact: true })).toBeVisible();
    await taken(page, "key", theme);
  }
  await keyed.stop();
});

test("calls, and one of them", async ({ browser }) => {
  for (const theme of THEMES) {
    const list = await opened(browser, theme, "calls");
    await expect(list.locator(".call-line").nth(3)).toBeVisible();
    await taken(list, "calls", theme);
    const found = await opened(browser, theme, "calls?q=order");
    await expect(found.locator(".place").first()).toBeVisible();
    await taken(found, "search", theme);
    for (const [viewport, name] of [
      [WIDE, "call"],
      [NARROW, "call-phone"],
    ] as const) {
      const call = await opened(browser, theme, "calls/delivery-light", viewport);
      await expect(call.locator(".waveform canvas").first()).toBeAttached();
      await call.locator(".line").nth(2).locator("[data-word]").nth(3).click();
      await call.getByRole("button", { name: "Pause", exact: true }).click();
      await taken(call, name, theme);
    }
    const columns = await opened(browser, theme, "calls/delivery-light?view=difference");
    await columns.getByRole("button", { name: "Columns" }).click();
    await expect(columns.locator(".line del").first()).toBeVisible();
    await taken(columns, "difference", theme);
  }
});

test("what a call is worth", async ({ browser }) => {
  const worth = await Server.start({ folder: seededWorth(), settings: WORDLESS });
  for (const theme of THEMES) {
    const page = await opened(browser, theme, "", { width: 1280, height: 940 });
    await page.goto(`${worth.url}/#/calls/worth`);
    await expect(page.locator(".waveform canvas").first()).toBeAttached();
    await page.getByRole("button", { name: /asks what it costs at/ }).click();
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await taken(page, "worth", theme);
  }
  await worth.stop();
});
