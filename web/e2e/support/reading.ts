import { expect, type Page } from "@playwright/test";

/** The numbers of the canonical transcript on screen, as they stand. */
export async function numbers(page: Page): Promise<number[]> {
  const words = page.locator(".line.canonical [data-word]");
  return (await words.allInnerTexts()).map(Number);
}

/** 1, 2, … count. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

/** Talk into the page's microphone until something that was said has settled. */
export async function talking(page: Page, url: string): Promise<void> {
  await page.goto(url);
  await page.getByRole("button", { name: "Talk" }).click();
  await expect(page.locator(".line.draft").first()).toBeVisible({ timeout: 20_000 });
}

/** End the call, and wait until it is told twice. */
export async function ended(page: Page): Promise<void> {
  await page.getByRole("button", { name: "End the call" }).click();
  await expect(page.getByText(/Told twice/)).toBeVisible({ timeout: 60_000 });
}
