import { signal } from "@preact/signals";

/** Where the page is: routes live in the address's hash, so that any path prefix works. */
export type Route =
  | { name: "live" }
  | { name: "calls"; query: URLSearchParams }
  | { name: "usage"; query: URLSearchParams }
  | { name: "call"; callId: string; query: URLSearchParams }
  | { name: "follow"; callId: string; query: URLSearchParams }
  | { name: "screen"; callId: string; query: URLSearchParams }
  | { name: "unknown" };

export const route = signal<Route>(parse(location.hash));

addEventListener("hashchange", () => {
  route.value = parse(location.hash);
});

/** `#/`, `#/calls?q=…`, `#/calls/ID?t=…`, `#/usage?span=…`, `#/follow/ID?ticket=…`, `#/screen/ID?ticket=…`. */
export function parse(hash: string): Route {
  const [path = "", search = ""] = split(hash.replace(/^#\/?/, ""));
  const query = new URLSearchParams(search);
  const [room = "", id, ...rest] = path.split("/");
  const callId = id === undefined ? undefined : unescaped(id);
  if (rest.length > 0) return { name: "unknown" };
  if (callId === undefined) {
    if (room === "" || room === "live") return { name: "live" };
    if (room === "calls" || room === "usage") return { name: room, query };
    return { name: "unknown" };
  }
  if (callId === "") return { name: "unknown" };
  if (room === "calls") return { name: "call", callId, query };
  if (room === "follow" || room === "screen") return { name: room, callId, query };
  return { name: "unknown" };
}

/** The link to a place, for `href`. */
export function link(
  path: string,
  query: Record<string, string | number | undefined> = {},
): string {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") search.set(name, String(value));
  }
  const tail = search.size > 0 ? `?${search}` : "";
  return `#/${path.split("/").map(encodeURIComponent).join("/")}${tail}`;
}

/** The link to a call, at a second if one is given. Ids are data, whatever they hold. */
export function callLink(callId: string, query: Record<string, string | number | undefined> = {}) {
  return `${link("calls")}/${encodeURIComponent(callId)}${link("", query).slice(2)}`;
}

export function go(href: string): void {
  location.hash = href;
}

/** Change the address without a new entry in the history: a filter, a position. */
export function replace(href: string): void {
  history.replaceState(null, "", href);
  route.value = parse(href);
}

function split(hash: string): [string, string] {
  const at = hash.indexOf("?");
  return at < 0 ? [hash, ""] : [hash.slice(0, at), hash.slice(at + 1)];
}

function unescaped(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
