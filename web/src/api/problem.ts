import type { Problem } from "./types";

/** What went wrong, in the API's own words: `{code, message, hint, retryable}`. */
export class ApiError extends Error implements Problem {
  override readonly name = "ApiError";
  readonly code: string;
  readonly hint: string;
  readonly retryable: boolean;
  /** The HTTP status; 0 where no answer came. */
  readonly status: number;

  constructor(problem: Problem, status = 0) {
    super(problem.message);
    this.code = problem.code;
    this.hint = problem.hint;
    this.retryable = problem.retryable;
    this.status = status;
  }
}

export function unreachable(next = "The page tries again by itself."): ApiError {
  return new ApiError({
    code: "unreachable",
    message: "The server does not answer.",
    hint: `Is it running, and is this machine connected? ${next}`,
    retryable: true,
  });
}

/** The error an answer tells of; also where a proxy in between answers in its own words. */
export async function problemOf(response: Response): Promise<ApiError> {
  const body: unknown = await response.json().catch(() => null);
  return new ApiError(problemIn(body) ?? foreign(response.status), response.status);
}

/** The JSON of an answer that should hold some. Throws ApiError where it is somebody else's. */
export async function bodyOf<T>(response: Response): Promise<T> {
  const body: unknown = await response.json().catch((error) => {
    if (error instanceof SyntaxError) return null;
    throw error instanceof TypeError ? unreachable() : error; // broken off; or by whoever asked
  });
  if (typeof body !== "object" || body === null) {
    throw new ApiError(foreign(response.status), response.status);
  }
  return body as T;
}

/** The `error` of a body of the API, if that is what it is. */
export function problemIn(body: unknown): Problem | null {
  if (typeof body !== "object" || body === null || !("error" in body)) return null;
  const error = body.error as Partial<Problem> | null;
  if (typeof error?.code !== "string" || typeof error.message !== "string") return null;
  const { code, message, hint = "", retryable = false } = error;
  return { code, message, hint, retryable };
}

/** An answer that is not the API's: a proxy's page, say. */
export function foreign(status: number): Problem {
  return {
    code: "unexpected_answer",
    message: `The answer (HTTP ${status}) is not one of Twicetold's.`,
    hint: "Something between this page and the server answered; ask whoever runs the server.",
    retryable: status >= 500,
  };
}
