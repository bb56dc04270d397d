import { microphone, QUIET } from "./support/browser";
import { expect, test } from "./support/fixtures";
import { Server, sampleWav } from "./support/server";

const wav = sampleWav("hello", 3);
test.use({
  permissions: ["microphone"],
  launchOptions: async ({ launchOptions }, use) => {
    await use({ ...launchOptions, args: [...QUIET, ...microphone(wav)] });
  },
});

test("a server that is killed and started again loses no word", async ({ page }) => {
  let server = await Server.start({ settings: { live_hosts: 1, batch_hosts: 1 } });
  const port = Number(new URL(server.url).port);
  await page.goto(server.url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line.draft").first()).toBeVisible({ timeout: 20_000 });
  await server.kill();
  await expect(page.getByText(/Connection lost/)).toBeVisible();
  server = await Server.start({ port, folder: server.folder });
  await expect(page.getByText(/Connection lost/)).toBeHidden({ timeout: 20_000 });
  await page.waitForTimeout(16_000);
  await page.getByRole("button", { name: "End the call" }).click();
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 60_000 });
  const words = (await page.locator(".line.canonical .said").allInnerTexts()).join(" ");
  expect(words.match(/good morning/g)).toHaveLength(3);
  await server.stop();
});

test("a microphone that is pulled out is told of, and another goes on", async ({
  page,
  server,
}) => {
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
  await expect(page.locator(".line").first()).toBeVisible({ timeout: 20_000 });
  await page.evaluate(() => {
    const { track } = globalThis as unknown as { track: MediaStreamTrack };
    track.dispatchEvent(new Event("ended"));
  });
  await expect(page.getByText("The microphone is gone.")).toBeVisible();
  await page.getByRole("button", { name: "Go on with it" }).click();
  await expect(page.getByText("The microphone is gone.")).toBeHidden();
  await page.getByRole("button", { name: "End the call" }).click();
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 60_000 });
});
