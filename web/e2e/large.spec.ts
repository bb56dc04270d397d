import { closeSync, ftruncateSync, openSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "./support/fixtures";
import { Server, seeded, temporary, WORDLESS } from "./support/server";

const GB = 1_000_000_000;

test("a file that is too large is refused before any of it is sent", async ({ page, server }) => {
  const path = join(temporary(), "five-gigabytes.wav");
  const file = openSync(path, "w");
  ftruncateSync(file, 5 * GB);
  closeSync(file);
  const sent: string[] = [];
  page.on("request", (request) => sent.push(request.method()));
  await page.goto(`${server.url}/#/calls`);
  await expect(page.getByRole("button", { name: "Upload", exact: true })).toBeVisible();
  await page.getByLabel("Recordings to upload").setInputFiles(path);
  await expect(page.locator(".uploads [role=alert]")).toContainText("5.0 GB");
  expect(sent).not.toContain("PUT");
});

test("a call of ten hours starts at any second, and only what is heard is fetched", async ({
  page,
}) => {
  const server = await Server.start({ folder: seeded("long", "100000"), settings: WORDLESS });
  const lengths: number[] = [];
  page.on("response", (response) => {
    if (!response.url().includes("/audio")) return;
    if (response.status() === 206) lengths.push(Number(response.headers()["content-length"]));
  });
  await page.goto(`${server.url}/#/calls/long`);
  await expect(page.locator(".line.canonical").first()).toBeVisible();
  await expect(page.locator(".line")).not.toHaveCount(0);
  expect(await page.locator(".line").count()).toBeLessThan(60); // only what can be seen
  await page.keyboard.press("/");
  await page.keyboard.type("daughter");
  await expect(page.getByText(/^1 of \d+$/)).toBeVisible();
  await page.getByRole("button", { name: "Previous" }).click(); // from the first to the last
  await page.locator("[data-word].shown").click();
  await expect(page.locator("[data-word].sounding")).toBeVisible();
  const position = page.getByRole("slider", { name: "Position" });
  await expect.poll(async () => Number(await position.inputValue())).toBeGreaterThan(8 * 3600);
  expect(lengths.length).toBeGreaterThan(0);
  await server.stop();
});
