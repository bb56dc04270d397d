import { useSignal } from "@preact/signals";
import { asProblem } from "../api/http";
import { callLink } from "../router";
import { clock, percent } from "../ui/format";
import { Icon } from "../ui/icon";
import { Notice, Problem } from "../ui/notice";
import { useNow } from "../ui/ticking";
import { MicrophoneOptions } from "./microphone-options";
import { type Conversation, problem } from "./running";
import type { SecondTelling } from "./second-telling";

const QUIET_MS = 1200; // a blink of the network is not worth a notice

/** The connection is lost, the device is gone, or the call had to go on under another name. */
export function ConnectionNotice({ conversation }: { conversation: Conversation }) {
  const call = conversation.call.value;
  const state = call?.state.value;
  if (!call || state === "over") return null;
  if (state === "failed") return <Failed conversation={conversation} />;
  return (
    <>
      {call.awaySince.value !== null && (
        <Away since={call.awaySince.value} keptS={call.keptS.value} />
      )}
      {conversation.unplugged.value && <Unplugged conversation={conversation} />}
      {conversation.full.value && (
        <Notice tone="warn" title="The page can keep no more sound while the server is away.">
          What it has is sent when the server is back; nothing more is recorded.
        </Notice>
      )}
      {problem.value && <Problem error={problem.value} />}
    </>
  );
}

function Away({ since, keptS }: { since: number; keptS: number }) {
  const now = useNow();
  const away = now.value - since;
  if (away < QUIET_MS) return null;
  return (
    <Notice tone="warn" title={`Connection lost ${clock(away / 1000)} ago.`}>
      Go on talking: {clock(keptS)} of sound is kept here and sent when the server is back.
    </Notice>
  );
}

function Unplugged({ conversation }: { conversation: Conversation }) {
  const chosen = useSignal("");
  const goOn = async () => {
    problem.value = null;
    await conversation.listen(chosen.value || undefined).catch((error) => {
      problem.value = asProblem(error);
    });
  };
  const actions = (
    <span class="row">
      <select
        class="input"
        aria-label="Microphone"
        value={chosen.value}
        onChange={(event) => {
          chosen.value = event.currentTarget.value;
        }}
      >
        <MicrophoneOptions />
      </select>
      <button type="button" class="button" onClick={() => void goOn()}>
        Go on with it
      </button>
    </span>
  );
  return (
    <Notice tone="warn" title="The microphone is gone." actions={actions}>
      The call waits for another one.
    </Notice>
  );
}

function Failed({ conversation }: { conversation: Conversation }) {
  const call = conversation.call.value;
  const error = call?.problem.value;
  const unsent = call?.unsent();
  const save = unsent && (
    <a
      class="button"
      href={URL.createObjectURL(unsent)}
      download={`${call?.callId.value}-rest.wav`}
    >
      <Icon name="download" /> Save the sound that was not sent
    </a>
  );
  if (!error) return null;
  return <Problem error={error} actions={save} />;
}

/** Where the words of this call's earlier parts are. */
export function EndedNotice({ conversation }: { conversation: Conversation }) {
  if (conversation.earlier.value.length === 0) return null;
  return (
    <Notice title="The server had closed the call while this page was away.">
      Nothing is lost: it went on under another name. Before that:{" "}
      {conversation.earlier.value.map((callId) => (
        <a key={callId} href={callLink(callId)}>
          {callId}
        </a>
      ))}
    </Notice>
  );
}

interface SecondProps {
  second: SecondTelling;
  /** Whether the reader may do more than read: not where a link led here. */
  mayOpen?: boolean;
}

/** How far the second telling is. */
export function SecondNotice({ second, mayOpen = true }: SecondProps) {
  const telling = second.telling.value;
  const open = mayOpen && (
    <a class="button" href={callLink(second.callId)}>
      Open the call
    </a>
  );
  switch (telling.state) {
    case "waiting":
      return (
        <Notice title="Transcribing again…" actions={open}>
          <progress aria-label="Transcribing again" value={telling.share} max={1} />
        </Notice>
      );
    case "done":
      return (
        <Notice title={changes(telling.changed)} actions={open}>
          {telling.call.draft_wer !== null &&
            `The draft had ${percent(telling.call.draft_wer)} of its words wrong, by the second telling.`}
        </Notice>
      );
    case "failed": {
      const retry = mayOpen && (
        <button type="button" class="button" onClick={() => void second.retry()}>
          <Icon name="retry" /> Try again
        </button>
      );
      return <Problem error={telling.error} actions={retry} />;
    }
    case "lost":
      return <Problem error={telling.error} actions={open} />;
  }
}

function changes(count: number): string {
  if (count === 0) return "Told twice: not a word was changed.";
  return count === 1 ? "Told twice: one word is new." : `Told twice: ${count} words are new.`;
}
