import { type ReadonlySignal, useComputed, useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { callLink } from "../router";
import { size } from "../ui/format";
import { Icon } from "../ui/icon";
import type { Upload, Uploads } from "./upload";

interface TargetProps {
  onFiles: (files: File[]) => void;
  children: ComponentChildren;
}

/** The whole window takes files: one that misses would have the browser leave the page for it. */
export function DropTarget({ onFiles, children }: TargetProps) {
  const over = useDrops(onFiles);
  return (
    <div class="target">
      {children}
      {over.value && <p class="veil">Drop recordings to have them transcribed</p>}
    </div>
  );
}

/** Whether files are held over the window. */
function useDrops(onFiles: (files: File[]) => void): ReadonlySignal<boolean> {
  const depth = useSignal(0); // the pointer enters an element before it leaves the one around it
  const give = useRef(onFiles);
  give.current = onFiles;
  useEffect(() => {
    const leaving = new AbortController();
    const on = (
      name: "dragenter" | "dragleave" | "dragover" | "drop",
      does: (e: DragEvent) => void,
    ) =>
      addEventListener(
        name,
        (event) => {
          if (event.dataTransfer?.types.includes("Files")) does(event);
        },
        { signal: leaving.signal },
      );
    on("dragenter", () => {
      depth.value += 1;
    });
    on("dragleave", () => {
      depth.value = Math.max(0, depth.value - 1);
    });
    on("dragover", (event) => event.preventDefault());
    on("drop", (event) => {
      event.preventDefault();
      depth.value = 0;
      give.current([...(event.dataTransfer?.files ?? [])]);
    });
    return () => leaving.abort();
  }, [depth]);
  return useComputed(() => depth.value > 0);
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
