import { captionsTicket } from "../api/follow";
import { link } from "../router";
import { CopyButton } from "../ui/copy";
import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import { useNow } from "../ui/ticking";
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
  return (
    <div class="status sheet">
      <span class={`badge ${over ? "done" : state === "live" ? "live" : "busy"}`}>
        {WORDS[state]}
      </span>
      {!over && <Elapsed since={conversation.startedAt} />}
      {!over && <Meter conversation={conversation} />}
      {!over && call && <Lag call={call} />}
      <span class="grow" />
      {!over && call && <Share call={call} />}
      {over ? (
        <button type="button" class="button main" onClick={clear}>
          <Icon name="microphone" /> New call
        </button>
      ) : (
        <button
          type="button"
          class="button main"
          disabled={state === "stopping"}
          onClick={() => conversation.stop()}
        >
          <Icon name="stop" /> End the call
        </button>
      )}
    </div>
  );
}

function Elapsed({ since }: { since: number }) {
  const now = useNow();
  return <span class="number elapsed">{clock((now.value - since) / 1000)}</span>;
}

function Lag({ call }: { call: LiveCall }) {
  const lag = call.lagS.value;
  if (lag < 1) return null;
  return <span class="lag">captions are {Math.round(lag)} s behind</span>;
}

const LINK_S = 86_400; // the longest that the server gives

function Share({ call }: { call: LiveCall }) {
  const callId = call.callId.value;
  const address = async (room: string) => {
    const ticket = await captionsTicket(callId, LINK_S);
    return new URL(`${link(`${room}/${callId}`)}?ticket=${ticket}`, document.baseURI).href;
  };
  const openScreen = async () => {
    const opened = open("about:blank", "_blank");
    const href = await address("screen").catch(() => null);
    if (opened && href) opened.location.href = href;
    else opened?.close();
  };
  return (
    <>
      <CopyButton icon="link" label="Link to follow" text={() => address("follow")} />
      <button type="button" class="button wide-only" onClick={() => void openScreen()}>
        <Icon name="screen" /> Screen
      </button>
    </>
  );
}
