import { readFileSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "./support/fixtures";
import { Server, sample, sampleWav, seeded } from "./support/server";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
/** Each view, and what is there once all of it is. */
const VIEWS = [
  ["", ".way"],
  ["calls", ".call-line .badge.done"],
  ["calls?q=order", ".place mark"],
  ["calls?q=nowhere", "text=Nobody said that"],
  ["calls?status=failed", "text=No call is like that"],
  ["calls/told", ".line.canonical"],
  ["calls/missing", "text=There is no such call"],
  ["calls/long?view=difference", ".line del"],
  ["follow/told", ".line.canonical"],
  ["screen/told", ".lines p"],
  ["usage", ".usage-table"],
  ["nowhere", "text=There is nothing at this address"],
] as const;

/** What stands in somebody's way, in words. */
async function violations(page: Page, where: string): Promise<string[]> {
  const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
  return violations.map(({ id, nodes }) => `${where}: ${id} ${nodes[0]?.html.slice(0, 120)}`);
}

const APPEARANCES = [
  { colorScheme: "light", viewport: { width: 1280, height: 800 } },
  { colorScheme: "dark", viewport: { width: 360, height: 740 } },
] as const;

for (const { colorScheme, viewport } of APPEARANCES) {
  const look = `${colorScheme}, ${viewport.width} px`;
  test(`nothing stands in anybody's way in any view: ${look}`, async ({ browser }) => {
    test.setTimeout(240_000); // every view, a call, and its second telling
    const server = await Server.start({ folder: seeded("long", "400") });
    await server.upload("told", new Uint8Array(readFileSync(sample("hello.flac"))));
    await server.until("told", "done");
    const wish = { colorScheme, viewport, reducedMotion: "reduce" } as const;
    const page = await (await browser.newContext(wish)).newPage();
    const found: string[] = [];
    for (const [view, there] of VIEWS) {
      await page.goto(`${server.url}/#/${view}`);
      await expect(page.locator(there).first()).toBeVisible();
      found.push(...(await violations(page, `#/${view}`)));
      const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (wide > 0) found.push(`#/${view} is ${wide} px too wide`);
    }
    found.push(...(await tooWide(page, server, 2560)));
    found.push(...(await moments(page, server)));
    expect(found).toEqual([]);
    await server.stop();
  });
}

/** On a wall's screen nothing sticks out either. */
async function tooWide(page: Page, server: Server, width: number): Promise<string[]> {
  const before = page.viewportSize();
  await page.setViewportSize({ width, height: 1440 });
  const found: string[] = [];
  for (const [view, there] of VIEWS) {
    await page.goto(`${server.url}/#/${view}`);
    await expect(page.locator(there).first()).toBeVisible();
    const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
    if (over > 0) found.push(`#/${view} is ${over} px too wide at ${width} px`);
  }
  if (before) await page.setViewportSize(before);
  return found;
}

/** What is on screen only while something happens. */
async function moments(page: Page, server: Server): Promise<string[]> {
  const found: string[] = [];
  const look = async (where: string) => found.push(...(await violations(page, where)));
  await page.goto(`${server.url}/#/calls/told`);
  await page.getByRole("button", { name: "Delete" }).click();
  await look("asking before a deletion");
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.keyboard.press("?");
  await look("the keys");
  await page.getByRole("button", { name: "Close" }).click();
  await page.goto(`${server.url}/#/calls`);
  const nonsense = { name: "x.wav", mimeType: "audio/wav", buffer: Buffer.from("no sound") };
  await page.getByLabel("Recordings to upload").setInputFiles([nonsense]);
  await expect(page.getByText("not sound in any format")).toBeVisible();
  await look("an upload that failed");
  await page.goto(server.url);
  await page.getByLabel("Recording to play").setInputFiles([nonsense]);
  await expect(page.getByRole("alert")).toBeVisible();
  await look("a file that cannot be played");
  await page.getByLabel("Recording to play").setInputFiles(sampleWav("hello"));
  await expect(page.locator(".line").first()).toBeVisible({ timeout: 90_000 });
  await look("a running call");
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 120_000 });
  await look("a call told twice");
  await server.addTenant("acme");
  await page.reload();
  await expect(page.getByLabel("Key", { exact: true })).toBeVisible();
  await look("asking for a key");
  return found;
}
