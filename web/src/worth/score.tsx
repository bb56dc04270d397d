import type { Lead, Reason } from "./insights";
import { type Jump, Times } from "./jump";
import { points } from "./mood";

/** The lead score with what speaks for it and against it. */
export function Score({ lead, jump }: { lead: Lead; jump: Jump }) {
  const score = Math.round(lead.score);
  const [pro, contra] = [
    lead.reasons.filter((reason) => (reason.points ?? 0) >= 0),
    lead.reasons.filter((reason) => (reason.points ?? 0) < 0),
  ];
  return (
    <section aria-labelledby="worth-score">
      <h3 id="worth-score">Lead score</h3>
      <div class="score">
        <p class="score-number">
          <strong>{score}</strong> <span class="quiet">of 100</span>
        </p>
        <meter min={0} max={100} value={score} aria-label="Lead score" />
      </div>
      {!lead.calibrated && (
        <p class="uncalibrated small">
          <strong>Uncalibrated.</strong> It puts calls in an order; it is not a probability.
        </p>
      )}
      {lead.reasons.length > 0 ? (
        <ul class="reasons">
          {[...byWeight(pro), ...byWeight(contra)].map((reason) => (
            <ReasonLine key={`${reason.rule} ${reason.points}`} reason={reason} jump={jump} />
          ))}
        </ul>
      ) : (
        <p class="small quiet">No rule spoke for it or against it.</p>
      )}
    </section>
  );
}

function ReasonLine({ reason, jump }: { reason: Reason; jump: Jump }) {
  const { rule, points: worth, times } = reason;
  return (
    <li>
      <span class={`worth-points number ${(worth ?? 0) < 0 ? "against" : "for"}`}>
        {worth === null ? "" : points(worth)}
      </span>
      <span>
        {rule} <Times times={times} of={rule} jump={jump} />
      </span>
    </li>
  );
}

function byWeight(reasons: readonly Reason[]): Reason[] {
  return reasons.toSorted((a, b) => Math.abs(b.points ?? 0) - Math.abs(a.points ?? 0));
}
