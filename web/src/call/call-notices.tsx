import type { Call } from "../api/types";
import { link } from "../router";
import { Icon } from "../ui/icon";
import { Notice, Problem } from "../ui/notice";
import { ToldAgain } from "../ui/told-again";
import type { OpenCall } from "./open-call";

/** What is read meanwhile. */
function below({ has_draft: hasDraft }: Call): string {
  return hasDraft ? "Below is the draft. The canonical transcript takes its place by itself." : "";
}

/** What stands between this call and its canonical transcript. */
export function CallNotices({ call, open }: { call: Call; open: OpenCall }) {
  const error = open.problem.value;
  const refused = open.refused.value;
  return (
    <>
      {error && <Problem error={error} />}
      <State call={call} open={open} />
      {refused && (
        <Notice tone="warn" title={refused.message}>
          {refused.hint}
        </Notice>
      )}
      {open.reading.value && !open.table.value && <p class="hush">Reading…</p>}
    </>
  );
}

function State({ call, open }: { call: Call; open: OpenCall }) {
  switch (call.status) {
    case "live":
      return (
        <Notice
          title="This call is running."
          actions={
            <a class="button" href={`${link("follow")}/${encodeURIComponent(call.call_id)}`}>
              Follow it
            </a>
          }
        >
          {call.has_draft && "Below is its draft as far as it goes. "}
          Its recording and its canonical transcript come when it is over.
        </Notice>
      );
    case "recorded":
      return <Notice title="Waiting for its turn to be transcribed.">{below(call)}</Notice>;
    case "transcribing":
      return (
        <Notice title={call.has_draft ? "Transcribing again…" : "Transcribing…"}>
          {below(call)} The bar counts the parts that are done.
          <ToldAgain share={open.share.value ?? 0} />
        </Notice>
      );
    case "failed": {
      const retry = (
        <button type="button" class="button" onClick={() => void open.retry()}>
          <Icon name="retry" /> Try again
        </button>
      );
      const message = call.error ?? "It could not be transcribed again.";
      return <Problem error={{ message, hint: call.error_hint ?? "" }} actions={retry} />;
    }
    default:
      return null;
  }
}
