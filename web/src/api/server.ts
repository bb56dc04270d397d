import { signal } from "@preact/signals";
import { get } from "./http";
import type { Tenant } from "./types";

/** What the server says of itself and of whose key this is; null until it has. */
export const server = signal<Tenant | null>(null);

/** Where a link led here without a key: whether the server takes everybody. It asks for none. */
export async function askAsGuest(): Promise<void> {
  const found = await get<Tenant>("v1/tenant", { key: "" }).catch(() => null);
  if (found) server.value = found;
}

/** Ask once; a server that does not answer is asked again by the next view. */
export async function askServer(): Promise<void> {
  if (server.peek()) return;
  server.value = await get<Tenant>("v1/tenant").catch(() => null);
}
