import { percent } from "../ui/format";
import type { Lead, Reason } from "./insights";
import { type Jump, Times } from "./jump";
import { points } from "./mood";

/** The lead score with what speaks for it and against it. */
export function Score({ lead, jump }: { lead: Lead; jump: Jump }) {
  const { score } = lead;
  const [pro, contra] = [
    lead.reasons.filter((reason) => reason.points >= 0),
    lead.reasons.filter((reason) => reason.points < 0),
  ];
  return (
    <section aria-labelledby="worth-score">
      <h2 id="worth-score">Lead score</h2>
      <div class="score">
        <p class="score-number">
          <strong>{score}</strong> <span class="quiet">of 100</span>
        </p>
        <meter min={0} max={100} value={score} aria-label="Lead score" />
      </div>
      <Meaning lead={lead} />
      {lead.reasons.length > 0 ? (
        <ul class="reasons">
          {lead.base !== null && <BaseLine base={lead.base} />}
          {[...byWeight(pro), ...byWeight(contra)].map((reason) => (
            <ReasonLine key={`${reason.rule} ${reason.points}`} reason={reason} jump={jump} />
          ))}
        </ul>
      ) : (
        <p class="small quiet">No rule spoke for it or against it.</p>
      )}
      <CutOff lead={lead} />
      <Unjudged rules={lead.unjudged} />
    </section>
  );
}

/** What the number says, and what it does not. */
function Meaning({ lead }: { lead: Lead }) {
  if (!lead.calibrated) {
    return (
      <p class="uncalibrated small">
        <strong>Uncalibrated.</strong> It puts calls in an order; it is not a probability.
      </p>
    );
  }
  if (lead.probability === null) return <p class="small">Calibrated on past outcomes.</p>;
  return (
    <p class="small">
      Calibrated: by past calls the chance of a good outcome is {percent(lead.probability, 0)}.
    </p>
  );
}

function BaseLine({ base }: { base: number }) {
  return (
    <li class="quiet">
      <span class="worth-points number">{shown(base)}</span>
      <span>to begin with</span>
    </li>
  );
}

/** Where the points come to more than there is, or to less than nothing. */
function CutOff({ lead: { base, reasons } }: { lead: Lead }) {
  if (base === null) return null;
  const sum = Math.round(reasons.reduce((sum, reason) => sum + reason.points, base));
  if (sum >= 0 && sum <= 100) return null;
  return (
    <p class="small quiet">
      They come to {sum}; a score ends at {sum < 0 ? 0 : 100}.
    </p>
  );
}

function ReasonLine({ reason, jump }: { reason: Reason; jump: Jump }) {
  const { rule, points: worth, times, value } = reason;
  return (
    <li>
      <span class={`worth-points number ${worth < 0 ? "against" : "for"}`}>{points(worth)}</span>
      <span>
        {rule} {value !== null && <span class="quiet">({shown(value)}) </span>}
        <Times times={times} of={rule} jump={jump} />
      </span>
    </li>
  );
}

/** Rules that could not be tried say so: that one did not fire means less than it seems. */
export function Unjudged({ rules }: { rules: readonly string[] }) {
  if (rules.length === 0) return null;
  return <p class="small quiet">Could not be judged: {rules.join(", ")}.</p>;
}

function shown(value: number | string): string {
  return typeof value === "number" ? String(Math.round(100 * value) / 100) : value;
}

function byWeight(reasons: readonly Reason[]): Reason[] {
  return reasons.toSorted((a, b) => Math.abs(b.points) - Math.abs(a.points));
}
