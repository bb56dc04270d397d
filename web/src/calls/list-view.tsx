import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { asProblem } from "../api/http";
import type { ApiError } from "../api/problem";
import type { Call } from "../api/types";
import { callLink, link } from "../router";
import { confirmed } from "../ui/confirm";
import { deletion } from "../ui/deletion";
import { clock, moment, percent } from "../ui/format";
import { Icon } from "../ui/icon";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { Problem } from "../ui/notice";
import { ToldAgain } from "../ui/told-again";
import { signed } from "../worth/mood";
import type { CallList } from "./call-list";
import { STATES } from "./filters";

/** The list; it goes on as one scrolls. */
export function ListView({ list, filtered }: { list: CallList; filtered: boolean }) {
  const calls = list.calls.value;
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [
        { keys: ["ArrowDown"], label: "↓", does: "next call", run: () => move(1) },
        { keys: ["ArrowUp"], label: "↑", does: "call before", run: () => move(-1) },
      ],
      [],
    ),
  );
  const failed = calls.filter(({ status }) => status === "failed");
  const problem = useSignal<ApiError | null>(null);
  const attempt = (work: Promise<void>) => {
    problem.value = null;
    work.catch((error) => {
      problem.value = asProblem(error);
    });
  };
  if (calls.length === 0) return list.loaded.value && filtered ? <Nothing /> : null;
  return (
    <>
      {problem.value && <Problem error={problem.value} />}
      {failed.length > 1 && (
        <p class="row small">
          {failed.length} calls here could not be transcribed again.{" "}
          <button
            type="button"
            class="button"
            onClick={() => attempt(inTurn(failed, (call) => list.retry(call.call_id)))}
          >
            <Icon name="retry" /> Try all again
          </button>
        </p>
      )}
      <div class="heads quiet small" aria-hidden="true">
        {["Call", "When", "Length", "State", "Draft differs"].map((head) => (
          <span key={head}>{head}</span>
        ))}
      </div>
      <ul class="table" aria-label="Calls">
        {calls.map((call) => (
          <Line
            key={call.call_id}
            call={call}
            share={list.shares.value.get(call.call_id)}
            onRetry={() => attempt(list.retry(call.call_id))}
            onDelete={() => attempt(asked(list, call))}
          />
        ))}
      </ul>
      <More list={list} />
    </>
  );
}

interface LineProps {
  call: Call;
  share: number | undefined;
  onRetry: () => void;
  onDelete: () => void;
}

function Line({ call, share, onRetry, onDelete }: LineProps) {
  const { call_id: id, status } = call;
  const target = status === "live" ? `${link("follow")}/${encodeURIComponent(id)}` : callLink(id);
  return (
    <li class="call-line">
      <span class="name">
        <a href={target}>{id}</a>
        <span class="quiet small">{about(call).join(" · ")}</span>
      </span>
      <span class="quiet when">{moment(call.started_at)}</span>
      <span class="number length">
        <span class="unseen">Length </span>
        {call.length_s === null ? "–" : clock(call.length_s)}
      </span>
      <span class="state">
        <State call={call} share={share} />
      </span>
      <span class="number difference">
        <span class="unseen">The draft differs in </span>
        {call.draft_wer === null ? <span class="quiet">–</span> : <Differs wer={call.draft_wer} />}
      </span>
      <span class="does">
        {status === "failed" && (
          <button
            type="button"
            class="button bare"
            aria-label={`Try ${id} again`}
            onClick={onRetry}
          >
            <Icon name="retry" />
          </button>
        )}
        <button type="button" class="button bare" aria-label={`Delete ${id}`} onClick={onDelete}>
          <Icon name="trash" />
        </button>
      </span>
      {call.error && (
        <span class="why small">
          {call.error} {call.error_hint}
        </span>
      )}
    </li>
  );
}

function about({ language, channels, source, lead_score: score, sentiment }: Call): string[] {
  return [
    language,
    ...(channels > 1 ? [`${channels} channels`] : []),
    source,
    ...(typeof score === "number" ? [`score ${Math.round(score)}`] : []),
    ...(typeof sentiment === "number" ? [`sentiment ${signed(sentiment)}`] : []),
  ].map((each) => each.replaceAll(" ", "\u00a0")); // a line breaks between two, not in one
}

const BADGES = {
  live: "live",
  recorded: "busy",
  transcribing: "busy",
  done: "done",
  failed: "failed",
} as const;

function State({ call, share }: { call: Call; share: number | undefined }) {
  const twice = call.status === "done" && call.has_draft;
  return (
    <>
      <span class={`badge ${BADGES[call.status]}`}>
        {twice ? "told twice" : STATES[call.status]}
      </span>
      {call.status === "transcribing" && <ToldAgain share={share ?? 0} />}
    </>
  );
}

function Differs({ wer }: { wer: number }) {
  return (
    <span class="differs">
      {percent(wer)}
      <span class="share" aria-hidden="true">
        <span style={{ inlineSize: `${Math.min(100, 100 * wer)}%` }} />
      </span>
    </span>
  );
}

function Nothing() {
  return <p class="hush">No call is like that. Clear a filter to see more.</p>;
}

/** Asks for more when it comes near. */
function More({ list }: { list: CallList }) {
  const end = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = end.current;
    if (!element) return;
    const watch = new IntersectionObserver(
      ([entry]) => {
        if (entry?.isIntersecting) void list.more();
      },
      { rootMargin: "600px" },
    );
    watch.observe(element);
    return () => watch.disconnect();
  });
  return <div ref={end} class="end" />;
}

/** From the call that has the focus to its neighbour; to the first or last where none has it. */
function move(by: 1 | -1): void {
  const links = [...document.querySelectorAll<HTMLElement>(".call-line .name a")];
  const at = links.indexOf(document.activeElement as HTMLElement);
  links.at(at < 0 ? (by > 0 ? 0 : -1) : Math.max(0, Math.min(at + by, links.length - 1)))?.focus();
}

async function asked(list: CallList, { call_id: callId, status }: Call): Promise<void> {
  if (await confirmed(deletion(callId, status))) await list.remove(callId);
}

async function inTurn<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  for (const item of items) await work(item);
}
