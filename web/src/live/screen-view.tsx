import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Since } from "../api/since";
import type { Row } from "../transcript/rows";
import { Announcer } from "../ui/announcer";
import { Icon } from "../ui/icon";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { useAgo } from "../ui/ticking";
import { blockOf } from "../words/removed";
import { useFollowed } from "./follow-view";
import type { Followed } from "./followed";
import "./screen.css";
import { SpokenAloud } from "./spoken-aloud";

const SHOWN_ROWS = 8;
const SIZES = [0.6, 0.8, 1, 1.25, 1.6, 2];

interface ScreenProps {
  callId: string;
  query: URLSearchParams;
}

/** Captions in large type for a room's screen: the last lines, and nothing that moves but them. */
export function ScreenView({ callId, query }: ScreenProps) {
  const followed = useFollowed(callId, query.get("ticket"));
  const size = useSignal(2);
  const turn = (by: number) => {
    size.value = Math.max(0, Math.min(SIZES.length - 1, size.value + by));
  };
  useWakeLock();
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [
        { keys: ["+", "="], label: "+", does: "larger", run: () => turn(1) },
        { keys: ["-"], label: "−", does: "smaller", run: () => turn(-1) },
        { keys: ["f"], label: "f", does: "full screen", run: fullScreen },
      ],
      [],
    ),
  );
  return (
    <main class="screen" style={{ "--size": String(SIZES[size.value]) }}>
      <h1 class="unseen">Captions of {callId}</h1>
      <div class="tools">
        <Tool label="Smaller" run={() => turn(-1)}>
          A−
        </Tool>
        <Tool label="Larger" run={() => turn(1)}>
          A+
        </Tool>
        <Tool label="Full screen" run={fullScreen}>
          <Icon name="screen" />
        </Tool>
      </div>
      <Lines followed={followed} />
      <Trouble followed={followed} />
      <SpokenAloud rows={followed.captions.rows} told={followed.told} />
      <Announcer />
    </main>
  );
}

function Tool(props: { label: string; run: () => void; children: preact.ComponentChildren }) {
  return (
    <button type="button" class="button" aria-label={props.label} onClick={props.run}>
      {props.children}
    </button>
  );
}

/** What was said last, at the lower edge; the canonical text is for readers, not for a room. */
function Lines({ followed }: { followed: Followed }) {
  const rows = followed.captions.rows.value;
  const shown: Row[] = [];
  for (let at = Math.max(0, rows.length - SHOWN_ROWS); at < rows.length; at += 1) {
    shown.push(rows.at(at));
  }
  const several = followed.channels.value > 1;
  return (
    <div class="lines" lang={languageOf(followed)}>
      {shown.map((row) => (
        <p key={row.key} dir="auto" class={`${row.hand} channel-${row.channel % 2}`}>
          {several && <span class="who">{row.channel + 1}</span>}
          <Said row={row} />
        </p>
      ))}
      {shown.length === 0 && <p class="partial">Captions appear here.</p>}
    </div>
  );
}

/** A partial's settled words stand out from those that may change. */
function Said({ row }: { row: Row }) {
  const space = row.spaced ? " " : "";
  const texts = row.words.map(({ text, redacted }) => {
    return redacted ? `[${blockOf(redacted, text).label}]` : text;
  });
  const stays = texts.splice(0, row.settled ?? 0).join(space);
  return (
    <>
      {stays && <span class="stays">{stays}</span>}
      {stays && texts.length > 0 && space}
      {texts.join(space)}
    </>
  );
}

function languageOf({ call }: Followed): string | undefined {
  const language = call.value?.language;
  return language === "auto" ? undefined : language;
}

function Trouble({ followed }: { followed: Followed }) {
  const error = followed.problem.value;
  const since = followed.awaySince.value;
  if (error) return <p class="trouble">{`${error.message} ${error.hint}`}</p>;
  if (followed.second.value) return <p class="trouble">The call is over.</p>;
  return since && <Away since={since} />;
}

function Away({ since }: { since: Since }) {
  if (useAgo(since) < 2000) return null;
  return <p class="trouble">No connection; it is tried again.</p>;
}

function fullScreen(): void {
  const done = document.fullscreenElement
    ? document.exitFullscreen()
    : document.documentElement.requestFullscreen();
  done.catch(() => {}); // the browser does not want to: nothing is lost
}

/** The screen stays on; the browser lets go of the lock whenever the page is hidden. */
function useWakeLock(): void {
  const visible = useSignal(true);
  useEffect(() => {
    const changed = () => {
      visible.value = document.visibilityState === "visible";
    };
    document.addEventListener("visibilitychange", changed);
    return () => document.removeEventListener("visibilitychange", changed);
  }, [visible]);
  useSignalEffect(() => {
    if (!visible.value) return;
    const lock = navigator.wakeLock?.request("screen").catch(() => null);
    return () => void lock?.then((held) => held?.release());
  });
}
