import { computed, signal } from "@preact/signals";
import { address, authorization } from "../api/http";
import { askForKey } from "../api/key";
import { ApiError, foreign, problemIn, unreachable } from "../api/problem";
import { askServer, server } from "../api/server";
import { size } from "../ui/format";
import { Names } from "./names";

const AT_ONCE = 2;
const MOST_NAMES = 5;
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
    private readonly names: Names,
    private readonly changed: () => void,
  ) {
    this.callId.value = names.first(file);
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
    request.onload = () => void this.answered(request, attempt);
    request.onerror = () => this.end("failed", unreachable("Then send it again."));
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

  private async answered(request: XMLHttpRequest, attempt: number): Promise<void> {
    const { status } = request;
    const body = parsed(request.responseText);
    if ((status === 200 || status === 202) && isCall(body, this.callId.peek())) {
      this.share.value = 1;
      this.end("sent", null);
      return;
    }
    const error = new ApiError(problemIn(body) ?? { ...foreign(status), retryable: true }, status);
    askForKey(error);
    if (![409, 410].includes(status) || attempt >= MOST_NAMES) {
      this.end("failed", error);
      return;
    }
    const other = await this.names.other(this.file); // another call has or had that name
    if (this.request !== request) return; // cancelled, or sent again, meanwhile
    this.callId.value = other;
    void this.send(attempt + 1);
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
  private readonly names = new Names();
  readonly all = signal<readonly Upload[]>([]);
  /** How many have arrived. */
  readonly arrived = computed(() => this.all.value.filter(isIn("sent")).length);

  add(files: Iterable<File>): void {
    const fresh = [...files].map((file) => new Upload(file, this.names, () => this.next()));
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

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null; // a proxy's page
  }
}

/** A proxy may answer as if all were well: what was sent must be told of as the call it is now. */
function isCall(body: unknown, callId: string): boolean {
  return typeof body === "object" && body !== null && "call_id" in body && body.call_id === callId;
}
