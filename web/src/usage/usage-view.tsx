import { useEffect, useMemo } from "preact/hooks";
import { askServer, server } from "../api/server";
import { replace } from "../router";
import { Notice, Problem } from "../ui/notice";
import { amount, NAMES } from "./amounts";
import { Asking, type Used } from "./asking";
import { Bars } from "./bars";
import { isPart } from "./model";
import {
  dayOf,
  dayWords,
  MEASURES,
  type Measure,
  MOST_DAYS,
  SPANS,
  SPLITS,
  type Span,
  type Wish,
  wishLink,
  wishOf,
} from "./range";
import { SaveCsv, UsageTable } from "./table";
import "./usage.css";

/** What calls used and what that cost, day by day. */
export function UsageView({ query }: { query: URLSearchParams }) {
  const wish = useMemo(() => wishOf(query), [query]);
  const asking = useMemo(() => new Asking(), []);
  useEffect(() => {
    void askServer();
    return () => asking.close();
  }, [asking]);
  const { from, to, split } = wish;
  useEffect(() => void asking.ask(from, to, split), [asking, from, to, split]);
  const set = (change: Partial<Wish>) => replace(wishLink({ ...wish, ...change }));
  const used = asking.used.value;
  const tenant = server.value?.tenant;
  return (
    <div class="usage stack">
      <header class="row">
        <h1 class="grow">Usage{tenant && <span class="quiet"> of {tenant}</span>}</h1>
        {used && used.lines.length > 0 && <SaveCsv used={used} />}
      </header>
      <Choices wish={wish} set={set} />
      {asking.problem.value && <Problem error={asking.problem.value} />}
      {!used && asking.waiting.value && <p class="quiet">Adding up…</p>}
      {used && <Shown used={used} measure={wish.measure} set={set} />}
    </div>
  );
}

type Set = (change: Partial<Wish>) => void;

function Shown({ used, measure, set }: { used: Used; measure: Measure; set: Set }) {
  if (used.lines.length === 0) {
    return <Notice title="Nothing was used in these days.">Days begin at midnight UTC.</Notice>;
  }
  return (
    <>
      <section class="sheet usage-sheet" aria-label="Day by day">
        <fieldset class="totals">
          <legend class="unseen">What is drawn</legend>
          {MEASURES.map((each) => (
            <button
              key={each}
              type="button"
              class="total"
              aria-pressed={each === measure}
              onClick={() => set({ measure: each })}
            >
              <span class="small">{NAMES[each]}</span>{" "}
              <strong class="number">{amount(each, used.total[each], used.currency)}</strong>
            </button>
          ))}
        </fieldset>
        <Bars used={used} measure={measure} />
        <p class="small quiet">
          {dayWords(used.from, "year")} to {dayWords(used.to, "year")}, in days of UTC. A call and
          its audio count once for each pass, its computing for every attempt.
          {used.lines.some(isPart) &&
            " What is done with the words (enrichment) is a part of a pass: it has no audio and no calls of its own."}
        </p>
      </section>
      <UsageTable used={used} measure={measure} />
    </>
  );
}

const SPAN_NAMES: Record<Span, string> = {
  month: "This month",
  "30": "Last 30 days",
  custom: "Other days",
};

/** Which days, and by what they are split. It stands in the address. */
function Choices({ wish, set }: { wish: Wish; set: Set }) {
  return (
    <div class="row">
      <fieldset class="choice">
        <legend class="unseen">Days</legend>
        {SPANS.map((span) => (
          <button
            key={span}
            type="button"
            class="button"
            aria-pressed={wish.span === span}
            onClick={() => set({ span })}
          >
            {SPAN_NAMES[span]}
          </button>
        ))}
      </fieldset>
      {wish.span === "custom" && <OtherDays wish={wish} set={set} />}
      <fieldset class="choice">
        <legend class="unseen">Split by</legend>
        {SPLITS.map((split) => (
          <button
            key={split}
            type="button"
            class="button"
            aria-pressed={wish.split === split}
            onClick={() => set({ split })}
          >
            by {split}
          </button>
        ))}
      </fieldset>
    </div>
  );
}

function OtherDays({ wish, set }: { wish: Wish; set: Set }) {
  const today = dayOf(new Date());
  return (
    <span class="row other-days" title={`${MOST_DAYS} days at most`}>
      {(["from", "to"] as const).map((end) => (
        <label key={end} class="row small">
          {end}
          <input
            class="input"
            type="date"
            max={today}
            value={wish[end]}
            onChange={(event) => {
              if (event.currentTarget.value) set({ [end]: event.currentTarget.value });
            }}
          />
        </label>
      ))}
    </span>
  );
}
