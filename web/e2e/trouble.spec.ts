import { expect, test } from "./support/fixtures";
import { sampleWav } from "./support/server";

test("says that there is none", async ({ page, server, context }) => {
  await context.grantPermissions(["microphone"]);
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.getByRole("alert")).toContainText("There is no microphone.");
});

test("says how to allow it when it was refused", async ({ page, server }) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("", "NotAllowedError"));
  });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.getByRole("alert")).toContainText("Allow it for this page");
});

test("says so when another program has it", async ({ page, server }) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = () =>
      Promise.reject(new DOMException("", "NotReadableError"));
  });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.getByRole("alert")).toContainText("Another program may be using it");
});

test("says what a browser without AudioWorklet can do", async ({ page, server }) => {
  await page.addInitScript(() => {
    Reflect.deleteProperty(globalThis, "AudioWorkletNode");
  });
  await page.goto(server.url);
  await page.getByLabel("Recording to play").setInputFiles(sampleWav("hello"));
  await expect(page.getByRole("alert")).toContainText("AudioWorklet");
});

test("refuses to play what is no sound, and plays what is", { tag: "@quick" }, async ({
  page,
  server,
}) => {
  await page.goto(server.url);
  const picker = page.getByLabel("Recording to play");
  await picker.setInputFiles({ name: "x.txt", mimeType: "text/plain", buffer: Buffer.from("x") });
  await expect(page.getByRole("alert")).toContainText("cannot play this file");
  await picker.setInputFiles(sampleWav("hello"));
  await expect(page.locator(".line.draft").first()).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 120_000 });
});
