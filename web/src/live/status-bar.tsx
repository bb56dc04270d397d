import { captionsTicket } from "../api/follow";
import { asProblem } from "../api/http";
import { link } from "../router";
import { CopyButton } from "../ui/copy";
import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import { useAgo } from "../ui/ticking";
import type { LiveCall } from "./call";
import { Meter } from "./meter";
import { type Conversation, clear } from "./running";

const WORDS = {
  connecting: "connecting",
  live: "live",
  away: "connection lost",
  stopping: "sending the rest",
  over: "over",
  failed: "ended",
} as const;

/** State, time, level and lag of the running call, and what can be done with it. */
export function StatusBar({ conversation }: { conversation: Conversation }) {
  const call = conversation.call.value;
  const state = call?.state.value ?? "connecting";
  const over = state === "over" || state === "failed";
  const ending = over || (call?.ending.value ?? false);
  return (
    <div class="status sheet">
      <span class={`badge ${over ? "done" : state === "live" ? "live" : "busy"}`}>
        {WORDS[state]}
      </span>
      {!ending && <Elapsed conversation={conversation} />}
      {!ending && <Meter conversation={conversation} />}
      {!ending && <Audible conversation={conversation} />}
      {!over && call && <Lag call={call} />}
      <span class="grow" />
      {!over && call && <Share call={call} conversation={conversation} />}
      {over ? (
        <button type="button" class="button main" onClick={clear}>
          <Icon name="microphone" /> New call
        </button>
      ) : (
        <button
          type="button"
          class="button main"
          disabled={ending}
          onClick={() => conversation.stop()}
        >
          <Icon name="stop" /> End the call
        </button>
      )}
    </div>
  );
}

/** How long it runs; a file says how long that will be. */
function Elapsed({ conversation }: { conversation: Conversation }) {
  const file = conversation.source.value?.file;
  const elapsedS = useAgo(conversation.started) / 1000;
  return (
    <span class="number elapsed">
      {clock(file ? file.position.value : elapsedS)}
      {file && Number.isFinite(file.lengthS) && (
        <span class="quiet small"> of {clock(file.lengthS)}</span>
      )}
    </span>
  );
}

/** Whether one hears the file that is played. */
function Audible({ conversation }: { conversation: Conversation }) {
  const file = conversation.source.value?.file;
  if (!file) return null;
  return (
    <label class="row small">
      <input
        type="checkbox"
        checked={file.audible.value}
        onChange={(event) => {
          file.audible.value = event.currentTarget.checked;
        }}
      />
      Hear it
    </label>
  );
}

function Lag({ call }: { call: LiveCall }) {
  const lag = call.lagS.value;
  if (lag < 1) return null;
  return <span class="lag">captions are {Math.round(lag)} s behind</span>;
}

const LINK_S = 86_400; // the longest that the server gives

function Share({ call, conversation }: { call: LiveCall; conversation: Conversation }) {
  const callId = call.callId.value;
  const address = async (room: string) => {
    const ticket = await captionsTicket(callId, LINK_S);
    return new URL(`${link(`${room}/${callId}`)}?ticket=${ticket}`, document.baseURI).href;
  };
  const openScreen = async () => {
    conversation.problem.value = null;
    const opened = open("about:blank", "_blank"); // at once: later the browser would not
    try {
      const href = await address("screen");
      if (opened) opened.location.href = href;
    } catch (error) {
      opened?.close();
      conversation.problem.value = asProblem(error);
    }
  };
  return (
    <>
      <CopyButton icon="link" label="Link to follow" text={() => address("follow")} />
      <button type="button" class="button wide-only" onClick={() => void openScreen()}>
        <Icon name="screen" /> Large type
      </button>
    </>
  );
}
