import { askForKey, key } from "./key";
import { ApiError, bodyOf, problemOf, unreachable } from "./problem";

/** The address of something of this server, wherever a proxy has put it. */
export function address(
  path: string,
  query: Record<string, string | number | undefined> = {},
): URL {
  const url = new URL(path, new URL(".", document.baseURI));
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== "") url.searchParams.set(name, String(value));
  }
  return url;
}

/** The path of a call, its id escaped: ids are data. */
export function callPath(callId: string, rest = ""): string {
  return `v1/calls/${encodeURIComponent(callId)}${rest}`;
}

export function authorization(shown = key.value): Record<string, string> {
  return shown === null || shown === "" ? {} : { Authorization: `Bearer ${shown}` };
}

export interface Asking {
  query?: Record<string, string | number | undefined>;
  signal?: AbortSignal;
  /** Another key than the page's, to be tried; empty: none. */
  key?: string;
  headers?: Record<string, string>;
}

/** GET as JSON. Throws ApiError, or the signal's AbortError. */
export async function get<T>(path: string, asking: Asking = {}): Promise<T> {
  return bodyOf<T>(await exchange("GET", path, asking));
}

export async function post<T>(path: string, body?: unknown, asking: Asking = {}): Promise<T> {
  return bodyOf<T>(await exchange("POST", path, asking, body));
}

export async function remove(path: string, asking: Asking = {}): Promise<void> {
  await exchange("DELETE", path, asking);
}

/** The answer to a request, whatever it carries. Throws ApiError, or the signal's AbortError. */
export async function exchange(
  method: string,
  path: string,
  { query, signal, key, ...also }: Asking,
  body?: unknown,
): Promise<Response> {
  const headers = { ...authorization(key), ...also.headers };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const request: RequestInit = { method, headers, cache: "no-store" };
  if (signal) request.signal = signal;
  if (body !== undefined) request.body = JSON.stringify(body);
  const response = await answered(address(path, query), request);
  if (response.ok || response.status === 304) return response;
  const error = await problemOf(response);
  // Whoever came by a link has no key to be asked for; one that is only tried is told where it is.
  if (!query?.["ticket"] && key === undefined) askForKey(error);
  throw error;
}

async function answered(url: URL, request: RequestInit): Promise<Response> {
  try {
    return await fetch(url, request);
  } catch (error) {
    if (request.signal?.aborted) throw error;
    throw unreachable();
  }
}

/** Any thrown thing as an ApiError, for those who show it. */
export function asProblem(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  reportError(error); // for whoever looks into the browser's console
  return new ApiError({
    code: "page_error",
    message: "The page made a mistake.",
    hint: "Reload it; if it stays, tell the people who make Twicetold what you did.",
    retryable: true,
  });
}
