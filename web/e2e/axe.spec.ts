import { readFileSync } from "node:fs";
import { AxeBuilder } from "@axe-core/playwright";
import { expect, test } from "./support/fixtures";
import { Server, sample, seeded } from "./support/server";

const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
const VIEWS = [
  "",
  "calls",
  "calls?q=order",
  "calls?q=nowhere",
  "calls?status=failed",
  "calls/told",
  "calls/told?view=difference",
  "calls/missing",
  "follow/told",
  "screen/told",
  "nowhere",
];

test("nothing stands in anybody's way: every view, both themes, wide and narrow", async ({
  browser,
}) => {
  test.setTimeout(180_000);
  const server = await Server.start({ folder: seeded("long", "400") });
  await server.upload("told", new Uint8Array(readFileSync(sample("hello.flac"))));
  await server.until("told", "done");
  const found: string[] = [];
  for (const colorScheme of ["light", "dark"] as const) {
    for (const width of [1280, 360]) {
      const viewport = { width, height: 800 };
      const context = await browser.newContext({ colorScheme, viewport, reducedMotion: "reduce" });
      const page = await context.newPage();
      for (const view of [...VIEWS, "calls/long?view=difference"]) {
        await page.goto(`${server.url}/#/${view}`);
        await page.waitForLoadState("networkidle").catch(() => {});
        await expect(page.locator("h1").first()).toBeAttached();
        const { violations } = await new AxeBuilder({ page }).withTags(TAGS).analyze();
        for (const { id, nodes } of violations) {
          found.push(`${colorScheme} ${width} #/${view}: ${id} ${nodes[0]?.html.slice(0, 120)}`);
        }
      }
      await context.close();
    }
  }
  expect(found).toEqual([]);
  await server.stop();
});
