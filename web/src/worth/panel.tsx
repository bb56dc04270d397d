import { counted } from "../words/removed";
import type { Table } from "../words/table";
import { type Insights, isEmpty } from "./insights";
import { type Jump, Times } from "./jump";
import { Measures, Moods } from "./measures";
import "./panel.css";
import { Score, Unjudged } from "./score";
import type { Match } from "./topics";

interface PanelProps {
  insights: Insights;
  table: Table | null;
  jump: Jump;
}

/** What a call is worth, besides its words. */
export function WorthPanel({ insights, table, jump }: PanelProps) {
  const { lead, sentiment, metrics, topics, counts, leftOut } = insights;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <aside class="worth sheet" id="worth" aria-label="Insights" tabIndex={0}>
      {isEmpty(insights) && (
        <p class="small quiet">
          Nothing but the words was made of this call: nothing was asked for.
        </p>
      )}
      {lead && <Score lead={lead} jump={jump} />}
      {topics.length + insights.unjudged.length > 0 && <Topics insights={insights} jump={jump} />}
      {sentiment && (sentiment.call !== null || sentiment.speakers.length > 0) && (
        <Moods sentiment={sentiment} table={table} />
      )}
      {metrics && <Measures metrics={metrics} table={table} />}
      {counts.length > 0 && <RemovedCounts insights={insights} jump={jump} />}
      {leftOut.length > 0 && <LeftOut stages={leftOut} />}
    </aside>
  );
}

function Topics({ insights, jump }: { insights: Insights; jump: Jump }) {
  return (
    <section aria-labelledby="worth-topics">
      <h2 id="worth-topics">What came up</h2>
      <ul class="topics">
        {insights.topics.map(({ name, matches }) => (
          <li key={name}>
            <strong>{name}</strong>
            <ul>
              {matches.map((match) => (
                <MatchLine
                  key={`${match.must} ${match.rule}`}
                  match={match}
                  topic={name}
                  jump={jump}
                />
              ))}
            </ul>
          </li>
        ))}
      </ul>
      <Unjudged rules={insights.unjudged} />
    </section>
  );
}

const VERDICTS = { say: "", must_not_say: "may not be said", must_say: "was not said" } as const;

interface MatchProps {
  match: Match;
  topic: string;
  jump: Jump;
}

function MatchLine({ match, topic, jump }: MatchProps) {
  const verdict = VERDICTS[match.must];
  return (
    <li class="small">
      {match.rule !== topic && <span>{match.rule} </span>}
      {verdict && <span class="verdict">{verdict} </span>}
      <Times times={match.times} of={match.rule} jump={jump} />
    </li>
  );
}

function RemovedCounts({ insights, jump }: { insights: Insights; jump: Jump }) {
  return (
    <section aria-labelledby="worth-removed">
      <h2 id="worth-removed">Removed</h2>
      <ul class="removed-counts small">
        {insights.counts.map(([kind, count]) => {
          const places = insights.removed.filter((each) => each.kind === kind);
          return (
            <li key={kind}>
              <span>{counted(kind, count)}</span>{" "}
              <Times times={places.map(({ start }) => start)} of={counted(kind, 1)} jump={jump} />
            </li>
          );
        })}
      </ul>
      <p class="small quiet">Kinds and times are kept, never what it was.</p>
    </section>
  );
}

const STAGES: Record<string, string> = {
  speakers: "who spoke",
  sentiment: "sentiment",
  metrics: "conversation",
  rules: "what came up",
  lead: "lead score",
};

function LeftOut({ stages }: { stages: Insights["leftOut"] }) {
  return (
    <section aria-labelledby="worth-left-out">
      <h2 id="worth-left-out">Left out</h2>
      <ul class="left-out small">
        {stages.map(({ stage, code }) => (
          <li key={stage}>
            {STAGES[stage] ?? stage} could not be found out <code>{code}</code>
          </li>
        ))}
      </ul>
      <p class="small quiet">The transcript is complete without it.</p>
    </section>
  );
}
