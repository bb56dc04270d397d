import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { callLink } from "../router";
import { size } from "../ui/format";
import { Icon } from "../ui/icon";
import type { Upload, Uploads } from "./upload";

interface TargetProps {
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
}

/** The whole view takes files. */
export function DropTarget({ onFiles, children }: TargetProps) {
  const over = useSignal(0);
  const hasFiles = (event: DragEvent) => event.dataTransfer?.types.includes("Files") ?? false;
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button Upload does the same
    <div
      class={over.value > 0 ? "target over" : "target"}
      onDragEnter={(event) => {
        if (hasFiles(event)) over.value += 1;
      }}
      onDragLeave={(event) => {
        if (hasFiles(event)) over.value = Math.max(0, over.value - 1);
      }}
      onDragOver={(event) => {
        if (hasFiles(event)) event.preventDefault();
      }}
      onDrop={(event) => {
        event.preventDefault();
        over.value = 0;
        onFiles([...(event.dataTransfer?.files ?? [])]);
      }}
    >
      {children}
      {over.value > 0 && <p class="veil">Drop recordings to have them transcribed</p>}
    </div>
  );
}

export function UploadList({ uploads }: { uploads: Uploads }) {
  const all = uploads.all.value;
  if (all.length === 0) return null;
  return (
    <section class="sheet uploads" aria-label="Uploads">
      <ul>
        {all.map((upload, at) => (
          <Line key={at} upload={upload} />
        ))}
      </ul>
      {!uploads.underWay && (
        <button type="button" class="button" onClick={() => uploads.tidy()}>
          Clear the list
        </button>
      )}
    </section>
  );
}

function Line({ upload }: { upload: Upload }) {
  const state = upload.state.value;
  const problem = upload.problem.value;
  return (
    <li class="row">
      <span class="grow name">
        {state === "sent" ? (
          <a href={callLink(upload.callId.value)}>{upload.callId.value}</a>
        ) : (
          <span dir="auto">{upload.file.name}</span>
        )}{" "}
        <span class="quiet small">{size(upload.file.size)}</span>
      </span>
      {state === "sending" && (
        <progress aria-label={`Sending ${upload.file.name}`} value={upload.share.value} max={1} />
      )}
      {state === "waiting" && <span class="quiet small">waits its turn</span>}
      {state === "sent" && <span class="badge done">sent</span>}
      {problem && (
        <span class="why small" role="alert">
          {problem.message} {problem.hint}
        </span>
      )}
      {(state === "sending" || state === "waiting") && (
        <button
          type="button"
          class="button bare"
          aria-label={`Cancel ${upload.file.name}`}
          onClick={() => upload.cancel()}
        >
          <Icon name="close" />
        </button>
      )}
      {state === "failed" && (problem?.retryable || problem?.code === "unauthorized") && (
        <button type="button" class="button" onClick={() => upload.again()}>
          <Icon name="retry" /> Try again
        </button>
      )}
    </li>
  );
}
