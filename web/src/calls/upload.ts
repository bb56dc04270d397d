import { computed, signal } from "@preact/signals";
import { idOf, numbered } from "../api/call-id";
import { address, authorization } from "../api/http";
import { askForKey } from "../api/key";
import { ApiError, problemIn, unreachable } from "../api/problem";
import { askServer, server } from "../api/server";
import { size } from "../ui/format";

const AT_ONCE = 2;
const MOST_NAMES = 50;
const MIB = 1024 * 1024;

export type UploadState = "waiting" | "sending" | "sent" | "failed";

/** One file on its way to become a call. */
export class Upload {
  readonly state = signal<UploadState>("waiting");
  /** Share of its bytes that has been sent. */
  readonly share = signal(0);
  readonly problem = signal<ApiError | null>(null);
  readonly callId = signal("");
  private request: XMLHttpRequest | null = null;

  constructor(
    readonly file: File,
    private readonly changed: () => void,
  ) {
    this.callId.value = idOf(file.name);
  }

  async send(attempt = 1): Promise<void> {
    this.state.value = "sending";
    await askServer();
    if (this.state.value !== "sending") return; // cancelled meanwhile
    const problem = refusal(this.file);
    if (problem) {
      this.end("failed", problem);
      return;
    }
    const request = new XMLHttpRequest(); // fetch tells nothing of an upload's progress
    this.request = request;
    const path = `v1/recordings/${encodeURIComponent(this.callId.value)}`;
    request.open("PUT", address(path));
    for (const [name, value] of Object.entries(authorization()))
      request.setRequestHeader(name, value);
    request.setRequestHeader("Content-Type", this.file.type || "application/octet-stream");
    request.upload.onprogress = ({ loaded, total }) => {
      this.share.value = total > 0 ? loaded / total : 0;
    };
    request.onload = () => this.answered(request, attempt);
    request.onerror = () => this.end("failed", unreachable());
    request.send(this.file);
  }

  cancel(): void {
    this.request?.abort();
    this.end("failed", cancelled());
  }

  again(): void {
    this.problem.value = null;
    this.share.value = 0;
    this.state.value = "waiting";
    this.changed();
  }

  private answered(request: XMLHttpRequest, attempt: number): void {
    if (request.status === 200 || request.status === 202) {
      this.share.value = 1;
      this.end("sent", null);
      return;
    }
    const error = problemOfText(request);
    askForKey(error);
    if ([409, 410].includes(error.status) && attempt < MOST_NAMES) {
      this.callId.value = numbered(idOf(this.file.name), attempt + 1);
      void this.send(attempt + 1); // another call has or had that name
    } else this.end("failed", error);
  }

  private end(state: UploadState, problem: ApiError | null): void {
    this.request = null;
    this.problem.value = problem;
    this.state.value = state;
    this.changed();
  }
}

/** Files on their way, a few at once, in the order they were given. */
export class Uploads {
  readonly all = signal<readonly Upload[]>([]);
  /** How many have arrived. */
  readonly arrived = computed(() => this.all.value.filter(isIn("sent")).length);

  add(files: Iterable<File>): void {
    const fresh = [...files].map((file) => new Upload(file, () => this.next()));
    this.all.value = [...this.all.value, ...fresh];
    this.next();
  }

  get underWay(): boolean {
    return this.all.value.some(isIn("waiting", "sending"));
  }

  /** Forget those that need nothing more. */
  tidy(): void {
    this.all.value = this.all.value.filter(isIn("waiting", "sending"));
  }

  private next(): void {
    let room = AT_ONCE - this.all.value.filter(isIn("sending")).length;
    for (const upload of this.all.value) {
      if (room > 0 && upload.state.value === "waiting") {
        room -= 1;
        void upload.send();
      }
    }
  }
}

/** Those of this page; they go on while other views are looked at. */
export const uploads = new Uploads();

addEventListener("beforeunload", (event) => {
  if (uploads.underWay) event.preventDefault();
});

function isIn(...states: UploadState[]) {
  return ({ state }: Upload) => states.includes(state.value);
}

/** What can be told of a file before a byte of it is sent. */
export function refusal(file: { size: number; type: string }): ApiError | null {
  const most = (server.value?.max_upload_mb ?? Number.POSITIVE_INFINITY) * MIB;
  const code = "upload_refused";
  if (file.size === 0) {
    const hint = "Choose the recording itself, not a folder or an empty file.";
    return new ApiError({ code, message: "The file is empty.", hint, retryable: false });
  }
  if (file.size > most) {
    const message = `The file has ${size(file.size)}; the server takes ${size(most)}.`;
    const hint = "Send a compressed format (flac, mp3, ogg), or have max_upload_mb raised.";
    return new ApiError({ code, message, hint, retryable: false });
  }
  return null;
}

function cancelled(): ApiError {
  return new ApiError({ code: "cancelled", message: "Not sent.", hint: "", retryable: true });
}

function problemOfText(request: XMLHttpRequest): ApiError {
  let body: unknown = null;
  try {
    body = JSON.parse(request.responseText);
  } catch {
    // a proxy's page: told below
  }
  const problem = problemIn(body) ?? {
    code: "unexpected_answer",
    message: `The answer (HTTP ${request.status}) is not one of Twicetold's.`,
    hint: "Something between this page and the server answered; ask whoever runs the server.",
    retryable: true,
  };
  return new ApiError(problem, request.status);
}
