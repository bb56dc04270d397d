import type { Signal } from "@preact/signals";
import type { Call } from "../api/types";
import { has, type OpenCall, type Shown, VERSIONS } from "./open-call";

export type Layout = "thread" | "columns";

const NAMES: Record<Shown, string> = {
  canonical: "Canonical",
  draft: "Draft",
  difference: "Difference",
};

interface BarProps {
  call: Call;
  open: OpenCall;
  layout: Signal<Layout>;
  unsure: Signal<boolean>;
}

/** Which telling is read, and how it is laid out. */
export function ReadingBar({ call, open, layout, unsure }: BarProps) {
  return (
    <div class="row reading">
      <fieldset class="choice">
        <legend class="unseen">Version</legend>
        {VERSIONS.map((version) => (
          <button
            key={version}
            type="button"
            class={`button ${version}`}
            aria-pressed={open.shown.value === version}
            disabled={!has(call, version)}
            title={has(call, version) ? undefined : whyNot(call)}
            onClick={() => void open.show(version)}
          >
            {NAMES[version]}
          </button>
        ))}
      </fieldset>
      {call.channels > 1 && (
        <fieldset class="choice layout">
          <legend class="unseen">Layout</legend>
          {(["thread", "columns"] as const).map((kind) => (
            <button
              key={kind}
              type="button"
              class="button"
              aria-pressed={layout.value === kind}
              onClick={() => {
                layout.value = kind;
              }}
            >
              {kind === "thread" ? "Thread" : "Columns"}
            </button>
          ))}
        </fieldset>
      )}
      {open.reading.value && (
        <span class="small quiet" role="status">
          Reading…
        </span>
      )}
      {open.shown.value === "difference" ? <Legend open={open} /> : <Unsure unsure={unsure} />}
    </div>
  );
}

/** Why one version is not there, where the other one is. */
function whyNot({ status, has_draft: hasDraft }: Call): string {
  if (!hasDraft) return "There is no draft: the call was not heard live.";
  if (status === "failed") return "The call could not be transcribed again.";
  return "It is there when the call has been transcribed again.";
}

function Unsure({ unsure }: { unsure: Signal<boolean> }) {
  return (
    <label class="row small">
      <input
        type="checkbox"
        checked={unsure.value}
        onChange={(event) => {
          unsure.value = event.currentTarget.checked;
        }}
      />
      <span class="unsure">Unsure words</span>
    </label>
  );
}

function Legend({ open }: { open: OpenCall }) {
  const { added, removed } = open.differing.value;
  return (
    <span class="legend small">
      <del>{removed} only in the draft</del> <ins>{added} new</ins>
    </span>
  );
}
