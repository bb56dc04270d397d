import type { Call, TranscriptBody } from "../src/api/types";
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
  permissions: ["microphone"],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...QUIET, ...microphone(wav)] });
  },
});

test("a server that is killed and started again loses no word", async ({ page }) => {
  let server = await Server.start({ settings: COUNTING });
  const port = Number(new URL(server.url).port);
  await talking(page, server.url);
  await server.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  server = await Server.start({ port, folder: server.folder, settings: COUNTING });
  await expect(page.getByText(/Connection lost/)).toBeHidden({ timeout: 90_000 });
  await page.waitForTimeout(5_000);
  await ended(page);
  const heard = await numbers(page);
  expect(heard).toEqual(upTo(heard.length));
  expect(heard.length).toBeGreaterThan(20);
  await server.stop();
});

test("a line that is away for long, in the middle of a word, loses none of the draft", async ({
  page,
}) => {
  const server = await Server.start({ settings: { ...COUNTING, finalize_after_s: 0.5 } });
  const proxy = new CuttingProxy(server.url);
  await page.goto(await proxy.start());
  await page.getByRole("button", { name: "Talk" }).click();
  for (let cut = 0; cut < 3; cut += 1) {
    await expect(page.locator(".line.partial").first()).toBeVisible({ timeout: 90_000 });
    proxy.cut();
    await page.waitForTimeout(1300); // longer than the server waits for the rest of a word
    proxy.restore();
    await expect(page.getByText("live", { exact: true })).toBeVisible({ timeout: 90_000 });
    await page.waitForTimeout(700);
  }
  await ended(page);
  const [call] = (await server.get<{ calls: Call[] }>("calls")).calls;
  const draft = await server.get<TranscriptBody>(`calls/${call?.call_id}/transcript?version=draft`);
  const heard = draft.segments.flatMap(({ words }) => words.map(({ text }) => Number(text)));
  expect(heard).toEqual(upTo(heard.length));
  expect(heard.length).toBeGreaterThan(10);
  await server.stop();
  proxy.stop();
});

test("a call that is ended while the server is away is sent whole when it is back", async ({
  page,
}) => {
  let server = await Server.start({ settings: COUNTING });
  const port = Number(new URL(server.url).port);
  await talking(page, server.url);
  await server.kill();
  await page.waitForTimeout(2000);
  await page.getByRole("button", { name: "End the call" }).click();
  await expect(page.getByText("The call is ended.")).toBeVisible();
  await expect(page.getByText("Go on talking")).toBeHidden();
  await expect(page.getByRole("button", { name: "End the call" })).toBeDisabled();
  const saving = page.waitForEvent("download");
  await page.getByRole("button", { name: "Save the sound that was not sent" }).click();
  expect((await saving).suggestedFilename()).toMatch(/-rest\.wav$/);
  server = await Server.start({ port, folder: server.folder, settings: COUNTING });
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 120_000 });
  const heard = await numbers(page);
  expect(heard).toEqual(upTo(heard.length));
  expect(heard.length).toBeGreaterThan(8);
  await server.stop();
});

test("a microphone that is pulled out is told of, and another goes on", async ({ page }) => {
  const server = await Server.start({ settings: COUNTING });
  await page.addInitScript(() => {
    const devices = navigator.mediaDevices;
    const real = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (wish) => {
      const stream = await real(wish);
      (globalThis as unknown as { track: MediaStreamTrack }).track =
        stream.getAudioTracks()[0] as MediaStreamTrack;
      return stream;
    };
  });
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line").first()).toBeVisible({ timeout: 90_000 });
  await page.evaluate(() => {
    const { track } = globalThis as unknown as { track: MediaStreamTrack };
    track.dispatchEvent(new Event("ended"));
  });
  await expect(page.getByText("The microphone is gone.")).toBeVisible();
  await page.getByRole("button", { name: "Go on with it" }).click();
  await expect(page.getByText("The microphone is gone.")).toBeHidden();
  await ended(page);
  await server.stop();
});
