import { Icon } from "../ui/icon";
import type { Finding } from "./finding";

/** Find words in this call, and go from one place, or one difference, to the next. */
export function FindBar({ finding, differences }: { finding: Finding; differences: boolean }) {
  const count = finding.all.value.length;
  const asked = finding.query.value.trim() !== "";
  return (
    <search class="row finding">
      <label class="grow">
        <span class="unseen">Find in this call</span>
        <input
          id="find"
          class="input"
          type="search"
          placeholder="Find in this call"
          value={finding.query.value}
          onInput={(event) => finding.ask(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") finding.turn(event.shiftKey ? -1 : 1);
            if (event.key !== "Escape") return;
            event.preventDefault(); // what was found stays; its keys are the view's again
            event.currentTarget.blur();
          }}
        />
      </label>
      {(asked || differences) && (
        <>
          <span class="number small" role="status">
            {counted(finding.at.value, count, asked)}
          </span>
          <button
            type="button"
            class="button bare"
            aria-label="Previous"
            onClick={() => finding.turn(-1)}
          >
            <Icon name="back" />
          </button>
          <button
            type="button"
            class="button bare"
            aria-label="Next"
            onClick={() => finding.turn(1)}
          >
            <Icon name="forward" />
          </button>
        </>
      )}
    </search>
  );
}

function counted(at: number, count: number, asked: boolean): string {
  if (count === 0) return asked ? "not found" : "no difference";
  return at < 0 ? `${count} places` : `${at + 1} of ${count}`;
}
