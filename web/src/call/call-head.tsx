import type { Call } from "../api/types";
import { go, link } from "../router";
import { confirmed } from "../ui/confirm";
import { CopyButton } from "../ui/copy";
import { deletion } from "../ui/deletion";
import { clock, moment, percent } from "../ui/format";
import { Icon } from "../ui/icon";
import { save } from "../ui/save";
import { exported, FORMATS, type Format, fileName } from "./exports";
import type { OpenCall } from "./open-call";

/** What call it is, and what can be done with all of it. */
export function CallHead({ call, open }: { call: Call; open: OpenCall }) {
  return (
    <header class="head">
      <a class="back" href={link("calls")} onClick={back}>
        <Icon name="back" /> Calls
      </a>
      <h1>{call.call_id}</h1>
      <p class="facts quiet">
        {facts(call).map((fact) => (
          <span key={fact}>{fact}</span>
        ))}
      </p>
      <Actions call={call} open={open} />
    </header>
  );
}

export function facts(call: Call): string[] {
  const { draft_wer: wer, canonical_engine: engine, channels } = call;
  return [
    moment(call.started_at),
    ...(call.length_s === null ? [] : [clock(call.length_s)]),
    channels === 1 ? "one channel" : `${channels} channels`,
    call.language,
    ...(engine ? [`by ${engine}${call.provisional ? ", for the time being" : ""}`] : []),
    ...(wer === null ? [] : [`draft: ${percent(wer)} of the words differ`]),
  ];
}

function Actions({ call, open }: { call: Call; open: OpenCall }) {
  const shown = open.shown.value;
  const take = async (format: Format) => {
    try {
      const text = await exported(call.call_id, shown, format);
      save(fileName(call.call_id, shown, format), text);
    } catch (error) {
      open.met(error);
    }
  };
  const read = open.table.value !== null;
  return (
    <div class="row actions">
      {read && <CopyButton label="Copy" text={() => exported(call.call_id, shown, "txt")} />}
      {read &&
        FORMATS.map((format) => (
          <button key={format} type="button" class="button" onClick={() => void take(format)}>
            <span class="unseen">Save as </span>
            {format.toUpperCase()}
          </button>
        ))}
      <button type="button" class="button danger" onClick={() => void deleted(open)}>
        <Icon name="trash" /> Delete
      </button>
    </div>
  );
}

async function deleted(open: OpenCall): Promise<void> {
  const sure = await confirmed(deletion(open.callId, open.call.peek()?.status));
  if (sure && (await open.remove())) go(link("calls"));
}

/** The list as it was left: with its filters. */
function back(event: MouseEvent): void {
  if (history.length < 2 || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  const before = location.hash;
  history.back();
  setTimeout(() => {
    if (location.hash === before) go(link("calls"));
  }, 200);
}
