import { useComputed, useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import type { Call } from "../api/types";
import { link } from "../router";
import type { Place } from "../transcript/rows";
import { Transcript } from "../transcript/transcript";
import { Confirm } from "../ui/confirm";
import { NextFrame } from "../ui/next-frame";
import { Notice, Problem } from "../ui/notice";
import { WorthPanel } from "../worth/panel";
import { useWorthShown, WorthButton } from "../worth/shown";
import { Timeline } from "../worth/timeline";
import "./call.css";
import { CallHead } from "./call-head";
import { CallNotices } from "./call-notices";
import { FindBar } from "./find-bar";
import { Finding, wordsOf } from "./finding";
import { useCallKeys } from "./keys";
import { OpenCall, VERSIONS } from "./open-call";
import { PlayerBar } from "./player-bar";
import { type Layout, ReadingBar } from "./reading-bar";

interface CallProps {
  callId: string;
  query: URLSearchParams;
}

export const UNSURE_BELOW = 0.5;

/** Read a call back: its words in either telling, and its sound under them. */
export function CallView({ callId, query }: CallProps) {
  const open = useMemo(() => new OpenCall(callId), [callId]);
  const differences = useComputed(() => open.shown.value === "difference");
  const finding = useMemo(() => new Finding(open.table, differences), [open, differences]);
  const layout = useSignal<Layout>("thread");
  const unsure = useSignal(true);
  const worthShown = useWorthShown();
  const pointed = useSignal<Place | null>(null);
  const shown = useComputed(() => finding.shown.value ?? pointed.value);
  useEffect(() => () => open.close(), [open]);
  useEffect(() => {
    const asked = VERSIONS.find((version) => version === query.get("view"));
    const ready = open.call.peek() ? Promise.resolve() : open.open(asked);
    void ready.then(() => {
      const second = Number.parseFloat(query.get("t") ?? "");
      if (second >= 0) open.player.peek()?.seek(second);
      if (query.get("q")) finding.ask(wordsOf(query.get("q") ?? ""), second);
    });
  }, [open, finding, query]);
  useCallKeys(open, finding);

  const call = open.call.value;
  if (open.gone.value) return <Gone callId={callId} />;
  if (!call) return <NotYet callId={callId} open={open} />;
  const player = open.player.value;
  const table = open.table.value;
  const insights = open.worth.found.value;
  const onWord = (word: { start: number }) => player?.from(word.start);
  const jump = (seconds: number) => {
    finding.at.value = -1;
    pointed.value = table?.placeAt(seconds) ?? null;
    player?.from(seconds);
  };
  const lengthS = player?.lengthS.value || (call.length_s ?? 0);
  const timeline = table && lengthS > 0 && (
    <NextFrame>
      <Timeline
        table={table}
        lengthS={lengthS}
        channels={call.channels}
        insights={insights}
        player={player}
      />
    </NextFrame>
  );
  return (
    <div class="call">
      <CallHead call={call} open={open} />
      <CallNotices call={call} open={open} />
      {player ? (
        <PlayerBar callId={callId} player={player} coming={!isOver(call)}>
          {timeline}
        </PlayerBar>
      ) : (
        timeline && <section class="player sheet">{timeline}</section>
      )}
      {!table && <Wordless call={call} />}
      {table && (
        <>
          <div class="row bars">
            <ReadingBar {...{ call, open, layout, unsure }} />
            {insights && <WorthButton shown={worthShown} />}
            <FindBar finding={finding} differences={differences.value} />
          </div>
          <div class="reading-room">
            <NextFrame>
              <Transcript
                rows={open.rows}
                channels={call.channels}
                language={call.language}
                layout={layout.value}
                sounding={open.sounding}
                found={finding.found}
                shown={shown}
                following="sound"
                unsureBelow={unsure.value && !differences.value ? UNSURE_BELOW : 0}
                {...(player ? { onWord } : {})}
              />
            </NextFrame>
            {open.rows.value.length === 0 && (
              <p class="hush">
                {isOver(call)
                  ? "Nothing was said in this call."
                  : "Nothing has been heard in it yet."}
              </p>
            )}
            {insights && worthShown.value && (
              <WorthPanel insights={insights} table={table} jump={jump} />
            )}
          </div>
        </>
      )}
      <Confirm />
    </div>
  );
}

function isOver({ status }: Call): boolean {
  return status === "done" || status === "failed";
}

/** Where the transcript will be, of a call that has no words yet. */
function Wordless({ call }: { call: Call }) {
  if (isOver(call) || call.has_draft) return null;
  return (
    <p class="hush">
      {call.status === "live"
        ? "Nothing has been said yet."
        : "Its words appear here by themselves."}
    </p>
  );
}

function Gone({ callId }: { callId: string }) {
  const back = (
    <a class="button" href={link("calls")}>
      To the calls
    </a>
  );
  return (
    <div class="stack">
      <h1 class="call-id">{callId}</h1>
      <Notice tone="warn" title="There is no such call." actions={back}>
        It was deleted, or it never was.
      </Notice>
    </div>
  );
}

function NotYet({ callId, open }: { callId: string; open: OpenCall }) {
  return (
    <div class="stack">
      <h1 class="call-id">{callId}</h1>
      {open.problem.value && <Problem error={open.problem.value} />}
    </div>
  );
}
