import { AxeBuilder } from "@axe-core/playwright";
import type { Page } from "@playwright/test";
import { expect, test } from "./support/fixtures";
import { Server, seededWorth, WORDLESS } from "./support/server";

const PROBLEM = { code: "redaction_unavailable", hint: "See the languages.", retryable: false };

async function inNobodysWay(page: Page): Promise<void> {
  // It would look into style sheets by means that the page's policy forbids.
  const axe = new AxeBuilder({ page }).options({ preload: false });
  const { violations } = await axe.analyze();
  expect(violations.map(({ id, nodes }) => `${id} ${nodes[0]?.html.slice(0, 120)}`)).toEqual([]);
  const wide = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  expect(wide).toBeLessThanOrEqual(0);
}

test.describe("a call with all that is found out of it", () => {
  let server: Server;
  test.beforeAll(async () => {
    server = await Server.start({ folder: seededWorth(), settings: WORDLESS });
  });
  test.afterAll(() => server.stop());

  test("shows who spoke, what was removed, how it went and what it is worth", {
    tag: "@quick",
  }, async ({ page }) => {
    await page.goto(`${server.url}/#/calls/worth`);
    await expect(page.locator(".line .who").first()).toHaveText("Agent");
    const block = page.getByRole("img", { name: "reference, removed" });
    await expect(block).toHaveText("reference");
    const colour = (selector: string) =>
      page
        .locator(selector)
        .first()
        .evaluate((found) => getComputedStyle(found).color);
    expect(await colour(".line .who")).toBe(await colour(".lane .who-chip"));
    expect(await colour(".line .who")).toBe(await colour(".measures .who-chip"));
    await expect(page.locator(".lane")).toHaveCount(2);
    await expect(page.getByRole("img", { name: /Sentiment over the call/ })).toBeVisible();

    const worth = page.getByRole("complementary", { name: "Insights" });
    await expect(worth).toContainText("64 of 100");
    await expect(worth).toContainText(/44\s*to begin with/);
    await expect(worth).toContainText("Uncalibrated");
    await expect(worth).toContainText("2 phone numbers");
    await expect(worth).toContainText("says the name back was not said");
    await inNobodysWay(page);

    await page
      .getByRole("button", { name: /wants to cancel at/ })
      .first()
      .click();
    await expect(page.locator("[data-word].shown")).toHaveText("nobody");
    const position = page.getByRole("slider", { name: "Position" });
    await expect.poll(async () => Number(await position.inputValue())).toBeGreaterThan(40);
    await page.getByRole("button", { name: "Pause", exact: true }).click();
    await page.locator(".timeline .over").click({ position: { x: 4, y: 20 } });
    await expect.poll(async () => Number(await position.inputValue())).toBeLessThan(2);

    await page.getByRole("button", { name: "Insights" }).click();
    await expect(worth).toBeHidden();
    await page.reload();
    await expect(page.locator(".lane").first()).toBeVisible();
    await expect(worth).toBeHidden();
  });

  test("fits a phone, in the dark", async ({ browser }) => {
    const viewport = { width: 360, height: 740 };
    const wish = { viewport, colorScheme: "dark", reducedMotion: "reduce" } as const;
    const page = await (await browser.newContext(wish)).newPage();
    await page.goto(`${server.url}/#/calls/worth`);
    await page.getByRole("button", { name: "Insights" }).click();
    await expect(page.getByText("64 of 100")).toBeVisible();
    await inNobodysWay(page);
    await page.context().close();
  });

  test("says kindly that a recording or a text is withheld", async ({ page }) => {
    const refusal = (message: string) => ({
      status: 503,
      json: { error: { ...PROBLEM, message } },
    });
    await page.route("**/audio*", (route) => route.fulfill(refusal("No redacted recording.")));
    await page.route("**/waveform?*", (route) => route.fulfill(refusal("No waveform.")));
    await page.route("**/transcript?*", (route) => route.fulfill(refusal("Not redacted.")));
    await page.goto(`${server.url}/#/calls/worth`);
    await expect(page.getByText("No redacted recording.")).toBeVisible();
    await expect(page.getByText("Not redacted.")).toBeVisible();
    await expect(page.getByText("See the languages.").first()).toBeVisible();
    await expect(page.getByRole("alert")).toHaveCount(0);
    await expect(page.getByRole("button", { name: "Play", exact: true })).toBeHidden();
  });

  test("shows alerts as they come, and where it was said", async ({ page }) => {
    await page.route("**/v1/calls/running*", (route) => route.fulfill({ json: RUNNING }));
    await page.route("**/v1/tickets", (route) => route.fulfill({ json: { ticket: "t" } }));
    await page.route("**/running/events*", (route) =>
      route.fulfill({ contentType: "text/event-stream", body: stream(EVENTS) }),
    );
    await page.goto(`${server.url}/#/follow/running`);
    const alerts = page.getByRole("complementary", { name: "Alerts" });
    await expect(alerts.getByRole("listitem")).toHaveCount(1);
    await expect(alerts).toContainText("Ask why.");
    await expect(page.getByRole("log")).toContainText("Alert, cancellation: Ask why.");
    await expect(page.locator(".alerts :focus")).toHaveCount(0);
    await inNobodysWay(page);
    await alerts.getByRole("button", { name: /wants to leave/ }).click();
    await expect(page.locator("[data-word].shown")).toHaveText("leave");
  });

  test("shows usage day by day, and every number of it", async ({ page }) => {
    const asked: string[] = [];
    await page.route("**/v1/usage?*", (route) => {
      asked.push(new URL(route.request().url()).search);
      return route.fulfill({ json: USAGE });
    });
    await page.goto(`${server.url}/#/usage?span=custom&from=2026-11-01&to=2026-11-03`);
    await expect(page.getByRole("heading", { name: "Usage of default" })).toBeVisible();
    await expect(
      page.getByRole("img", { name: /Audio for each day.*most on.*2.*: 2 h/ }),
    ).toBeVisible();
    await expect(page.locator(".usage-table tbody tr")).toHaveCount(3);
    const tokens = page.getByRole("columnheader", { name: /^Tokens/ });
    await expect(tokens).toHaveText(["Tokens in", "Tokens out"]);
    await expect(page.getByRole("cell", { name: "12,345" })).toHaveCount(2); // a line, the sum
    await page.getByRole("button", { name: /^Cost/ }).click();
    await expect(page.getByRole("img", { name: /Cost for each day/ })).toBeVisible();
    await expect(page).toHaveURL(/show=cost/);
    await inNobodysWay(page);
    expect(asked).toEqual(["?from=2026-11-01&to=2026-11-03&group=day%2Cpass&limit=1000"]);
    await page.getByRole("button", { name: "by engine" }).click();
    await expect.poll(() => asked.at(-1)).toContain("group=day%2Cengine");
    const saving = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save as CSV" }).click();
    expect((await saving).suggestedFilename()).toBe("usage-2026-11-01-2026-11-03.csv");
    await page.unroute("**/v1/usage?*");
    await page.route("**/v1/usage?*", (route) => route.fulfill({ json: TOKENLESS }));
    await page.getByRole("button", { name: "by pass" }).click();
    await expect(page.locator(".usage-table tbody tr")).toHaveCount(2);
    await expect(tokens).toHaveCount(0);
  });
});

const RUNNING = {
  ...{ call_id: "running", status: "live", source: "live", language: "en", channels: 1 },
  ...{ started_at: 0, length_s: null, has_draft: false, has_recording: false },
  ...{ canonical_revision: null, draft_wer: null },
};
const WORDS = ["i", "want", "to", "leave"].map((text, at) => ({ text, start: at, end: at + 0.9 }));
const ALERT = {
  ...{ event: 1, category: "cancellation", rule: "wants to leave", suggestion: "Ask why." },
  ...{ at: 3, channel: 0 },
};
const FINAL = { event: 1, channel: 0, utterance: 0, start: 0, end: 4, text: "i want to leave" };
const EVENTS = [
  ["final", { ...FINAL, words: WORDS }],
  ["alert", ALERT],
  ["alert", ALERT], // told again
] as const;

function stream(events: readonly (readonly [string, object])[]): string {
  const told = events.map(([type, body]) => [type, JSON.stringify({ type, ...body })]);
  return told.map(([type, data]) => `event: ${type}\ndata: ${data}\n\n`).join("");
}

const SUMS = { passes: 3, attempts: 4, audio_s: 7200, compute_s: 90, cost: 0.25 };
const TOKENLESS = {
  ...{ from: "2026-11-01", to: "2026-11-03", currency: "USD", cursor: null },
  rows: [
    { day: "2026-11-02", pass: "batch", engine: "vosk", ...SUMS },
    { day: "2026-11-03", pass: "live", engine: "vosk", ...SUMS, audio_s: 60 },
  ],
  total: { ...SUMS, audio_s: 7260 },
};
const ASKED = { ...SUMS, audio_s: 0, compute_s: 0, tokens_in: 12_345, tokens_out: 678 };
const USAGE = {
  ...TOKENLESS,
  rows: [...TOKENLESS.rows, { day: "2026-11-03", pass: "batch", engine: "llm", ...ASKED }],
  total: { ...TOKENLESS.total, tokens_in: 12_345, tokens_out: 678 },
};
