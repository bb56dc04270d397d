import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { asProblem } from "../api/http";
import type { Since } from "../api/since";
import { callLink } from "../router";
import { clock, percent } from "../ui/format";
import { Icon } from "../ui/icon";
import { Notice, Problem } from "../ui/notice";
import { save } from "../ui/save";
import { useAgo } from "../ui/ticking";
import { ToldAgain } from "../ui/told-again";
import type { LiveCall } from "./call";
import { MicrophoneOptions } from "./microphone-options";
import type { Conversation } from "./running";
import type { SecondTelling, Telling } from "./second-telling";

const QUIET_MS = 1200; // a blink of the network is not worth a notice

/** The connection is lost, the device is gone, or the call had to go on under another name. */
export function ConnectionNotice({ conversation }: { conversation: Conversation }) {
  const call = conversation.call.value;
  const state = call?.state.value;
  const problem = conversation.problem.value;
  if (state === "failed") return <Failed conversation={conversation} />;
  return (
    <>
      {call && state !== "over" && <Away call={call} />}
      {conversation.unplugged.value && state !== "over" && !call?.ending.value && (
        <Unplugged conversation={conversation} />
      )}
      {conversation.full.value && (
        <Notice tone="warn" title="The page can keep no more sound while the server is away.">
          What it has is sent when the server is back; nothing more is recorded.
        </Notice>
      )}
      {problem && <Problem error={problem} />}
    </>
  );
}

function Away({ call }: { call: LiveCall }) {
  const since = call.awaySince.value;
  if (since === null) return null;
  const rest = call.keptS.value > 0 && <SaveRest call={call} />;
  if (!call.ending.value) {
    return (
      <AwayNotice since={since} title="Connection lost" quietMs={QUIET_MS} actions={rest}>
        Go on talking: what you say is kept here and sent when the server is back.
      </AwayNotice>
    );
  }
  const actions = (
    <>
      {rest}
      <button type="button" class="button" onClick={() => call.giveUp()}>
        Do not wait
      </button>
    </>
  );
  return (
    <AwayNotice since={since} title="Connection lost" quietMs={0} actions={actions}>
      The call is ended. What the server does not have yet is kept here and sent when it is back.
    </AwayNotice>
  );
}

/** The sound that the server does not hold, as a file. */
function SaveRest({ call }: { call: LiveCall }) {
  const saved = () => {
    const rest = call.unsent();
    if (rest) save(`${call.callId.value}-rest.wav`, rest);
  };
  return (
    <button type="button" class="button" onClick={saved}>
      <Icon name="download" /> Save the sound that was not sent
    </button>
  );
}

interface AwayProps {
  /** When it broke. */
  since: Since;
  title: string;
  /** A shorter break is not worth a notice. */
  quietMs: number;
  actions?: ComponentChildren;
  children: ComponentChildren;
}

/** A connection that is away. Its clock is for the eye: a screen reader would say every second. */
export function AwayNotice({ since, title, quietMs, actions, children }: AwayProps) {
  const away = useAgo(since);
  if (away < quietMs) return null;
  const clocked = (
    <>
      <span aria-hidden="true">for {clock(away / 1000)}</span>
      {actions}
    </>
  );
  return (
    <Notice tone="warn" title={`${title}.`} actions={clocked}>
      {children}
    </Notice>
  );
}

function Unplugged({ conversation }: { conversation: Conversation }) {
  const chosen = useSignal("");
  const goOn = async () => {
    await conversation.listen(chosen.value || undefined).catch((error) => {
      conversation.problem.value = asProblem(error);
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
      <button
        type="button"
        class="button"
        disabled={conversation.opening.value}
        onClick={() => void goOn()}
      >
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
  if (!call || !error) return null;
  const actions = (
    <>
      {call.keptS.value > 0 && <SaveRest call={call} />}
      {error.code === "given_up" && call.isKnown && (
        <a class="button" href={callLink(call.callId.value)}>
          Open the call
        </a>
      )}
    </>
  );
  return <Problem error={error} actions={actions} />;
}

/** What this call was before, and how that stands. */
export function EndedNotice({ conversation }: { conversation: Conversation }) {
  const earlier = conversation.earlier.value;
  if (earlier.length === 0) return null;
  return (
    <Notice title="The server had closed the call while this page was away.">
      Nothing is lost: it goes on under another name, and whoever reads along needs a new link.
      Before that:{" "}
      {earlier.map((second) => (
        <span key={second.callId}>
          <a href={callLink(second.callId)}>{second.callId}</a> (
          {STATES[second.telling.value.state]}){" "}
        </span>
      ))}
    </Notice>
  );
}

const STATES = {
  waiting: "being transcribed again",
  done: "told twice",
  failed: "could not be transcribed again",
  lost: "no answer",
} as const;

interface SecondProps {
  second: SecondTelling;
  /** Whether the reader may do more than read: not where a link led here. */
  mayOpen?: boolean;
  /** Nobody has said a word in all of the call. */
  silent?: boolean;
}

const SILENT = "The call is over. Nothing was said in it.";

/** How far the second telling is. */
export function SecondNotice({ second, mayOpen = true, silent = false }: SecondProps) {
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
          <ToldAgain share={telling.share} />
        </Notice>
      );
    case "done":
      return (
        <Notice title={silent ? SILENT : changes(telling)} actions={open}>
          {telling.changed > 0 &&
            telling.call.draft_wer !== null &&
            `${percent(telling.call.draft_wer)} of the words differ.`}
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

function changes({ changed: count, call }: Extract<Telling, { state: "done" }>): string {
  if (!call.has_draft) return "Transcribed.";
  if (count === 0) return "Told twice: not a word was changed.";
  return count === 1 ? "Told twice: one word is new." : `Told twice: ${count} words are new.`;
}
