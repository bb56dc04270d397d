import type { Page } from "@playwright/test";

/** The numbers of the canonical transcript on screen, as they stand. */
export async function numbers(page: Page): Promise<number[]> {
  const words = page.locator(".line.canonical [data-word]");
  return (await words.allInnerTexts()).map(Number);
}

/** 1, 2, … count. */
export function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
