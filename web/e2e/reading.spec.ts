import { readFileSync } from "node:fs";
import type { Call, TranscriptBody } from "../src/api/types";
import { expect, test } from "./support/fixtures";
import { Server, sample, WORDLESS } from "./support/server";

test("a recording that is dropped is transcribed, heard, read, searched and deleted", {
  tag: "@quick",
}, async ({ page, server }) => {
  await page.goto(`${server.url}/#/calls`);
  await expect(page.getByRole("button", { name: "Upload", exact: true })).toBeVisible();
  const hello = readFileSync(sample("hello.flac")).toString("base64");
  const dropped = await page.evaluateHandle((content) => {
    const files = new DataTransfer();
    const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
    files.items.add(new File([bytes], "Gespräch № 1.flac", { type: "audio/flac" }));
    files.items.add(new File(["no sound at all"], "nonsense.wav", { type: "audio/wav" }));
    return files;
  }, hello);
  await page.dispatchEvent(".target", "dragenter", { dataTransfer: dropped });
  await expect(page.getByText("Drop recordings to have them transcribed")).toBeVisible();
  await page.dispatchEvent(".target", "drop", { dataTransfer: dropped });
  await expect(page.getByText("not sound in any format")).toBeVisible();
  const row = page.locator(".call-line", { hasText: "Gesprach-No-1" });
  await expect(row.locator(".badge", { hasText: "transcribed" })).toBeVisible({ timeout: 120_000 });

  const busy = { code: "unavailable", message: "Busy.", hint: "", retryable: true };
  const refusal = { status: 503, json: { error: busy } };
  await page.route("**/waveform?*", (route) => route.fulfill(refusal), { times: 1 });
  await row.getByRole("link").click();
  const { segments } = await server.get<TranscriptBody>("calls/Gesprach-No-1/transcript");
  const [first] = segments;
  await expect(page.locator(".line.canonical .said").first()).toContainText(
    first?.text ?? "nothing",
  );

  await page.keyboard.press("Space");
  await expect(page.locator("[data-word].sounding")).toBeVisible();
  await expect(page.getByRole("button", { name: "Pause", exact: true })).toBeVisible();
  await page.locator(".line").last().locator("[data-word]").last().click();
  const position = page.getByRole("slider", { name: "Position" });
  const last = segments.at(-1)?.words.at(-1)?.start ?? 0;
  await expect.poll(async () => Number(await position.inputValue())).toBeGreaterThan(last - 0.2);
  await expect(page.locator(".waveform canvas").first()).toBeAttached(); // asked for again

  await page.keyboard.press("/");
  await page.keyboard.type("bill");
  await expect(page.getByText("1 of 1")).toBeVisible();
  await expect(page.locator("[data-word].shown")).toHaveText("bill");

  await page.goto(`${server.url}/#/calls?q=morning`);
  const hit = page.locator(".place", { hasText: "morning" }).first();
  await expect(hit.locator("mark")).toHaveText("morning");
  await hit.click();
  await expect(page.locator("[data-word].found").first()).toHaveText("morning");

  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Keep it" }).click();
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page).toHaveURL(/#\/calls$/);
  const { calls } = await server.get<{ calls: Call[] }>("calls?id=Gesprach");
  expect(calls).toEqual([]);
});

test("saves subtitles, copies a link to nothing but text", async ({ page, server }) => {
  await server.upload("subtitled", new Uint8Array(readFileSync(sample("hello.flac"))));
  await server.until("subtitled", "done");
  await page.goto(`${server.url}/#/calls/subtitled`);
  for (const [name, begins] of [
    ["SRT", "1\n00:00:00,"],
    ["VTT", "WEBVTT"],
    ["JSON", '{"call_id"'],
  ] as const) {
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: `Save as ${name}` }).click();
    const saved = await saving;
    expect(saved.suggestedFilename()).toBe(`subtitled.${name.toLowerCase()}`);
    expect(readFileSync(await saved.path(), "utf8").startsWith(begins)).toBe(true);
  }
});

test("a call that is deleted elsewhere while it is open says so", async ({ page, server }) => {
  await server.upload("going", new Uint8Array(readFileSync(sample("hello.flac"))));
  await server.until("going", "done");
  await page.goto(`${server.url}/#/calls/going`);
  await expect(page.locator(".line").first()).toBeVisible();
  await fetch(`${server.url}/v1/calls/going`, { method: "DELETE" });
  const other = await page.context().newPage(); // the reader looks at another tab, and comes back
  await other.bringToFront();
  await page.bringToFront();
  await page.evaluate(() => document.dispatchEvent(new Event("visibilitychange")));
  await expect(page.getByText("There is no such call.")).toBeVisible();
  await page.getByRole("link", { name: "To the calls" }).click();
  await expect(page).toHaveURL(/#\/calls$/);
});

test("a call that is deleted twice is gone once", async ({ page, server }) => {
  await server.upload("twice", new Uint8Array(readFileSync(sample("hello.flac"))));
  await server.until("twice", "done");
  await page.goto(`${server.url}/#/calls/twice`);
  await expect(page.locator(".line").first()).toBeVisible();
  await fetch(`${server.url}/v1/calls/twice`, { method: "DELETE" });
  await page.getByRole("button", { name: "Delete" }).click();
  await page.getByRole("button", { name: "Delete it" }).click();
  await expect(page).toHaveURL(/#\/calls$/);
  await page.goto(`${server.url}/#/calls/twice`);
  await expect(page.getByText("There is no such call.")).toBeVisible();
});

test("recordings of one name become calls of their own, each sent once", async ({ page }) => {
  const server = await Server.start({ settings: WORDLESS });
  const sent: string[] = [];
  page.on("request", (request) => {
    if (request.method() === "PUT") sent.push(new URL(request.url()).pathname);
  });
  await page.goto(`${server.url}/#/calls`);
  const sound = readFileSync(sample("hello.flac"));
  const files = Array.from({ length: 5 }, (_, at) => ({
    name: "audio.flac",
    mimeType: "audio/flac",
    buffer: Buffer.concat([sound, Buffer.alloc(at)]),
  }));
  await page.getByLabel("Recordings to upload").setInputFiles(files);
  await expect(page.locator(".uploads .badge.done")).toHaveCount(5);
  expect(sent.length).toBe(5);
  expect(new Set(sent).size).toBe(5);
  await server.stop();
});

test("an upload is not taken for sent where somebody else says that all is well", async ({
  page,
}) => {
  const server = await Server.start({ settings: WORDLESS });
  await page.goto(`${server.url}/#/calls`);
  await page.route("**/v1/recordings/**", (route) => route.fulfill({ body: "<h1>Sign in</h1>" }));
  await page.getByLabel("Recordings to upload").setInputFiles(sample("hello.flac"));
  await expect(page.locator(".uploads")).toContainText("is not one of Twicetold's");
  await expect(page.locator(".uploads .badge.done")).toHaveCount(0);
  await page.unrouteAll();
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.locator(".uploads .badge.done")).toHaveCount(1);
  await server.stop();
});
