import type { Page } from "@playwright/test";
import type { Call, TranscriptBody } from "../src/api/types";
import { microphone, QUIET } from "./support/browser";
import { expect, test } from "./support/fixtures";
import { CuttingProxy } from "./support/proxy";
import { sampleWav } from "./support/server";

const wav = sampleWav("hello");

test.use({
  permissions: ["microphone"],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...QUIET, ...microphone(wav)] });
  },
});

const SPEAKER = /^(Channel \d|Agent|Customer|Speaker \d)\s*/;

/** The words on screen in reading order, in the hand they are written in. */
async function written(page: Page, hand: string): Promise<string[]> {
  const lines = page.locator(`.line.${hand} .said`);
  return (await lines.allInnerTexts()).map((text) => text.replace(SPEAKER, "").trim());
}

function texts(transcript: TranscriptBody): string[] {
  return transcript.segments.map(({ words }) => words.map(({ text }) => text).join(" "));
}

test("a call with two broken connections is told twice, word for word", { tag: "@quick" }, async ({
  page,
  server,
}) => {
  const proxy = new CuttingProxy(server.url);
  await page.goto(await proxy.start());
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line.partial, .line.draft").first()).toBeVisible({ timeout: 90_000 });
  await expect(page.getByText("live", { exact: true })).toBeVisible();

  for (let cut = 0; cut < 2; cut += 1) {
    proxy.cut();
    await expect(page.getByText(/Connection lost/)).toBeVisible();
    await page.waitForTimeout(1000);
    proxy.restore();
    await expect(page.getByText(/Connection lost/)).toBeHidden({ timeout: 90_000 });
    await page.waitForTimeout(1500);
  }
  await page.waitForTimeout(2_500); // the recording is over, and what it ends with is heard
  await page.getByRole("button", { name: "End the call" }).click();
  await expect(page.getByText("Transcribing again…")).toBeVisible({ timeout: 90_000 });
  const draftOnScreen = await written(page, "draft");

  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 120_000 });
  const [call] = (await server.get<{ calls: Call[] }>("calls")).calls;
  if (!call) throw new Error("there is no call");
  const path = `calls/${call.call_id}/transcript`;
  const draft = await server.get<TranscriptBody>(`${path}?version=draft`);
  const canonical = await server.get<TranscriptBody>(`${path}?version=canonical`);
  expect(draftOnScreen).toEqual(texts(draft));
  expect(texts(draft).join(" ").split(" ").length).toBeGreaterThan(10);
  expect(await written(page, "canonical")).toEqual(texts(canonical));
  expect(await page.locator(".line.draft").count()).toBe(0);
  proxy.stop();
});
