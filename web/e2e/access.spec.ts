import { readFileSync } from "node:fs";
import { expect, test } from "./support/fixtures";
import { underPrefix } from "./support/proxy";
import { Server, sample, seeded, WORDLESS } from "./support/server";

test("works under a path prefix", async ({ page, server }) => {
  await server.upload("prefixed", new Uint8Array(readFileSync(sample("hello.flac"))));
  await server.until("prefixed", "done");
  const [url, proxy] = await underPrefix(server.url, "/speech");
  await page.goto(`${url}#/calls/prefixed`);
  await expect(page.locator(".line.canonical").first()).toBeVisible();
  await page.getByRole("button", { name: "Play", exact: true }).click();
  await expect(page.locator("[data-word].sounding")).toBeVisible();
  await page.getByRole("link", { name: "Live" }).click();
  await expect(page.getByRole("button", { name: "Talk" })).toBeEnabled();
  proxy.close();
});

test("a key is asked for, tried, and kept; a link to follow needs none and gives no sound", async ({
  page,
  browser,
}) => {
  const server = await Server.start({ settings: { live_hosts: 1, batch_hosts: 1 } });
  const key = await server.addTenant("acme");
  const other = await server.addTenant("other");
  const headers = { Authorization: `Bearer ${key}` };
  const body = new Uint8Array(readFileSync(sample("hello.flac")));
  await fetch(`${server.url}/v1/recordings/ours`, { method: "PUT", body, headers });

  await page.goto(`${server.url}/#/calls`);
  await page.getByLabel("Key", { exact: true }).fill("tt_wrong");
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByLabel("Key", { exact: true }).fill(other);
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByText("No calls yet")).toBeVisible();
  await page.evaluate(() => sessionStorage.clear());
  await page.reload();
  await page.getByLabel("Key", { exact: true }).fill(key);
  await page.getByRole("button", { name: "Go on" }).click();
  await expect(page.getByRole("link", { name: "ours" })).toBeVisible();
  await page.reload();
  await expect(page.locator(".badge", { hasText: "transcribed" })).toBeVisible({
    timeout: 120_000,
  });

  const wish = JSON.stringify({ call_id: "ours", scope: "captions", expires_in_s: 3600 });
  const json = { ...headers, "Content-Type": "application/json" };
  const made = await fetch(`${server.url}/v1/tickets`, {
    method: "POST",
    body: wish,
    headers: json,
  });
  const { ticket } = (await made.json()) as { ticket: string };
  const guest = await (await browser.newContext()).newPage();
  await guest.goto(`${server.url}/#/follow/ours?ticket=${ticket}`);
  await expect(guest.getByRole("heading", { name: "ours" })).toBeVisible();
  await expect(guest.getByRole("button", { name: "Go on" })).toBeHidden();
  await expect(guest.getByRole("navigation")).toHaveCount(0);
  const sound = await fetch(`${server.url}/v1/calls/ours/audio?ticket=${ticket}`);
  expect(sound.status).toBe(401);
  await guest.goto(`${server.url}/#/follow/ours?ticket=acme~1~captions~00`);
  await expect(guest.getByRole("alert")).toContainText("does not open the call any more");
  await server.stop();
});

test("hostile text is text, in a call, in its search and in its name", async ({ page }) => {
  const server = await Server.start({ folder: seeded("hostile"), settings: WORDLESS });
  await page.goto(`${server.url}/#/calls/hostile`);
  await expect(page.getByText("<script>document.title=")).toBeVisible();
  await page.getByRole("button", { name: "Difference" }).click();
  await expect(page.getByText("<script>document.title=")).toBeVisible();
  await page.goto(`${server.url}/#/calls?q=document`);
  await expect(page.locator(".place").first()).toContainText("<img");
  await page.goto(`${server.url}/#/calls/${encodeURIComponent("<img src=x onerror=alert(1)>")}`);
  await expect(page.getByRole("alert").or(page.getByRole("status")).first()).toBeVisible();
  await page.goto(`${server.url}/#/calls/hostile`);
  await expect(page.locator(".line").first()).toBeVisible();
  expect(await page.title()).toBe("hostile · Twicetold");
  expect(await page.locator("img, script:not([src])").count()).toBe(0);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth > innerWidth);
  expect(wide).toBe(false);
  await server.stop();
});

test("a thousand calls are listed as one scrolls, and narrowed by filters", async ({ page }) => {
  const server = await Server.start({ folder: seeded("many", "1000"), settings: WORDLESS });
  await page.goto(`${server.url}/#/calls`);
  await expect(page.locator(".call-line")).toHaveCount(50);
  await page.mouse.move(400, 400);
  for (let turn = 0; turn < 12; turn += 1) {
    await page.mouse.wheel(0, 20_000);
    await page.waitForTimeout(60);
  }
  await expect.poll(() => page.locator(".call-line").count()).toBeGreaterThan(250);
  await page.getByText("Filter", { exact: true }).click();
  await page.getByLabel("State").selectOption("failed");
  await expect(page.locator(".call-line").first().getByText("failed")).toBeVisible();
  await expect(page).toHaveURL(/status=failed/);
  await page.getByLabel("Name holds").fill("00019");
  await expect(page.locator(".call-line")).toHaveCount(1);
  await expect(page.getByText("not sound in any format")).toBeVisible();
  await page.getByRole("button", { name: "Clear" }).click();
  await expect(page.locator(".call-line")).toHaveCount(50);
  await server.stop();
});
