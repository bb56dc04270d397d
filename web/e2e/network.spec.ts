import type { Page } from "@playwright/test";
import type { Call } from "../src/api/types";
import { microphone, QUIET } from "./support/browser";
import { expect, test } from "./support/fixtures";
import { CuttingProxy } from "./support/proxy";
import { ended, numbers, talking, upTo } from "./support/reading";
import { COUNTING, countingWav, Server } from "./support/server";

const COUNT = 35; // 15 seconds
const wav = countingWav(COUNT);
// On a machine that is short of cores Chromium's fake microphone now and then puts 10 ms of silence
// into a number: that is tried again, and told of as flaky. What the page loses it loses twice.
test.describe.configure({ retries: 1 });
test.use({
  permissions: ["microphone", "clipboard-read", "clipboard-write"],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...QUIET, ...microphone(wav)] });
  },
});

test("a call that the server gave up meanwhile goes on in another, and nothing is missing", async ({
  page,
}) => {
  const server = await Server.start({ settings: { ...COUNTING, abandon_after_s: 2, lease_s: 3 } });
  const proxy = new CuttingProxy(server.url);
  await talking(page, await proxy.start());
  proxy.cut();
  const first = (await server.get<{ calls: Call[] }>("calls")).calls[0]?.call_id ?? "";
  await server.until(first, "done");
  proxy.restore();
  await expect(page.getByText("The server had closed the call")).toBeVisible({ timeout: 90_000 });
  await page.waitForTimeout(6_000); // the rest of the recording is spoken, and heard
  await ended(page);
  await expect(page.locator(".line.draft")).toHaveCount(0); // of neither part

  const heard = await numbers(page);
  expect(heard).toEqual([...new Set(heard)].toSorted((a, b) => a - b)); // none twice, in order
  const missing = upTo(heard.at(-1) ?? 0).filter((number) => !heard.includes(number));
  expect(missing.length).toBeLessThan(2); // at most one was cut in two, where one call ends
  expect(heard.length).toBeGreaterThan(20);
  const [late, early] = (await server.get<{ calls: Call[] }>("calls")).calls;
  expect([early?.call_id, late?.call_id]).toEqual([first, `${first}-part-2`]);
  await server.stop();
  proxy.stop();
});

test("a key that is taken back in mid-call is asked for, and the call goes on", async ({
  page,
}) => {
  const server = await Server.start({ settings: COUNTING });
  const key = await server.addTenant("acme");
  await page.goto(server.url);
  await enter(page, key);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line.draft").first()).toBeVisible({ timeout: 90_000 });
  const fresh = await server.rotate("acme");
  await expect(page.getByLabel("Key", { exact: true })).toBeVisible({ timeout: 90_000 });
  await enter(page, fresh);
  await expect(page.getByText("live", { exact: true })).toBeVisible({ timeout: 90_000 });
  await page.waitForTimeout(6_000);
  await ended(page);
  const heard = await numbers(page);
  expect(heard).toEqual(upTo(heard.length));
  expect(heard.length).toBeGreaterThan(15);
  await page.getByRole("button", { name: "Forget the key" }).click();
  await expect(page.getByText("This server asks for a key")).toBeVisible();
  await server.stop();
});

async function enter(page: Page, key: string): Promise<void> {
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Go on" }).click();
}

test("others read along by a link, through a break of theirs, to the second telling", async ({
  page,
  browser,
}) => {
  const server = await Server.start({ settings: COUNTING });
  const proxy = new CuttingProxy(server.url);
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await page.getByRole("button", { name: "Link to follow" }).click();
  await expect(page.getByRole("button", { name: "Copied" })).toBeVisible();
  const copied = await page.evaluate(() => navigator.clipboard.readText());
  const guest = await (await browser.newContext()).newPage();
  await guest.goto(copied.replace(server.url, await proxy.start()));
  await expect(guest.locator(".line.draft").first()).toBeVisible({ timeout: 90_000 });
  proxy.cut();
  await page.waitForTimeout(3000);
  proxy.restore();
  await page.waitForTimeout(6000);
  await ended(page);
  await expect(guest.getByText(/Told twice/)).toBeVisible({ timeout: 10_000 });
  expect(await guest.locator(".line.draft").count()).toBe(0);
  await expect(guest.getByRole("link", { name: "Open the call" })).toHaveCount(0);
  await expect(guest.getByRole("navigation")).toBeVisible(); // the server takes everybody
  expect(await numbers(guest)).toEqual(await numbers(page));
  expect((await numbers(page)).length).toBeGreaterThan(5);
  proxy.stop();
  await server.stop();
});

test("a call that is deleted while it runs ends, and says so", async ({ page }) => {
  const server = await Server.start({ settings: COUNTING });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line").first()).toBeVisible({ timeout: 90_000 });
  const { calls } = await server.get<{ calls: Call[] }>("calls?status=live");
  await fetch(`${server.url}/v1/calls/${calls[0]?.call_id}`, { method: "DELETE" });
  await expect(page.getByRole("alert")).toContainText(/deleted/, { timeout: 10_000 });
  await page.getByRole("button", { name: "New call" }).click();
  await expect(page.getByRole("button", { name: "Talk" })).toBeEnabled();
  await server.stop();
});

test("a laptop that slept goes on with its call, or in another", async ({ page }) => {
  const server = await Server.start({ settings: { ...COUNTING, abandon_after_s: 2, lease_s: 3 } });
  await talking(page, server.url);
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Page.setWebLifecycleState", { state: "frozen" });
  await server.kill(); // as a network that is gone when the lid opens again
  const port = Number(new URL(server.url).port);
  const again = await Server.start({ port, folder: server.folder, settings: COUNTING });
  await page.waitForTimeout(8000);
  await devtools.send("Page.setWebLifecycleState", { state: "active" });
  await expect(page.getByText("live", { exact: true })).toBeVisible({ timeout: 90_000 });
  await ended(page);
  await again.stop();
});
