import { test as base, expect, type Page } from "@playwright/test";
import { Server } from "./server";

interface Shared {
  /** One server for the tests of a worker that do not disturb each other. */
  server: Server;
}

interface Guarded {
  /** Fails the test where the page asks another host, breaks its policy, or makes a mistake. */
  guard: undefined;
}

export const test = base.extend<Guarded, Shared>({
  server: [
    // biome-ignore lint/correctness/noEmptyPattern: Playwright reads the pattern
    async ({}, use) => {
      const server = await Server.start({ settings: { live_hosts: 1, batch_hosts: 1 } });
      await use(server);
      await server.stop();
    },
    { scope: "worker" },
  ],
  guard: [
    async ({ context }, use) => {
      const found: string[] = [];
      context.on("page", (page) => watch(page, found));
      await use(undefined);
      expect(found).toEqual([]);
    },
    { auto: true },
  ],
});

function watch(page: Page, found: string[]): void {
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (["data:", "blob:", "about:"].includes(url.protocol)) return;
    if (url.hostname !== "127.0.0.1") found.push(`asked ${url.host}`);
  });
  page.on("pageerror", (error) => found.push(`mistake: ${error.message}`));
  page.on("console", (message) => {
    if (/Content.Security.Policy/i.test(message.text())) found.push(message.text());
  });
}

export { expect };
