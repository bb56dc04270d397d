import { Icon } from "../ui/icon";
import { save } from "../ui/save";
import { hours, money } from "./amounts";
import type { Used } from "./asking";
import { byDay, isPart, type Line, type Sums } from "./model";
import { dayWords, type Measure } from "./range";

/** Every number that the chart is made of, the last day first. */
export function UsageTable({ used, measure }: { used: Used; measure: Measure }) {
  const { currency, split, total } = used;
  const tokens = total.tokens_in + total.tokens_out > 0;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <section class="usage-table sheet" aria-label="Every number" tabIndex={0}>
      <table class="number">
        <caption class="unseen">
          Usage by day and {split}, in {currency || "no currency"}
        </caption>
        <thead>
          <tr>
            <th scope="col">Day</th>
            <th scope="col">{split === "pass" ? "Pass" : "Engine"}</th>
            <th scope="col">Audio</th>
            <th scope="col">Compute</th>
            {tokens && <th scope="col">Tokens in</th>}
            {tokens && <th scope="col">Tokens out</th>}
            <th scope="col">Cost</th>
            <th scope="col">Calls</th>
            <th scope="col">Attempts</th>
          </tr>
        </thead>
        <tbody>
          {byDay(used.lines, measure).map(([day, lines]) => (
            <DayRows key={day} {...{ day, lines, currency, tokens }} />
          ))}
        </tbody>
        <tfoot>
          <tr>
            <th scope="row" colSpan={2}>
              In all
            </th>
            <Cells sums={total} {...{ currency, tokens }} />
          </tr>
        </tfoot>
      </table>
    </section>
  );
}

interface DayProps {
  day: string;
  lines: Line[];
  currency: string;
  tokens: boolean;
}

function DayRows({ day, lines, currency, tokens }: DayProps) {
  return (
    <>
      {lines.map((line, at) => (
        <tr key={line.name} class={at === 0 ? "new-day" : undefined}>
          {at === 0 && (
            <th scope="rowgroup" rowSpan={lines.length}>
              {dayWords(day, "weekday")}
            </th>
          )}
          <td>
            {line.name}
            {isPart(line) && <span class="quiet small part"> part of a pass</span>}
          </td>
          <Cells sums={line} {...{ currency, tokens }} />
        </tr>
      ))}
    </>
  );
}

interface CellsProps {
  sums: Sums;
  currency: string;
  /** Whether some line has tokens of a language model. */
  tokens: boolean;
}

/** What is a part of attempts has no audio and no calls: none is another thing than nought. */
function Cells({ sums, currency, tokens }: CellsProps) {
  const whole = (told: string) => (isPart(sums) ? <td class="quiet">–</td> : <td>{told}</td>);
  return (
    <>
      {whole(hours(sums.audio_s))}
      <td>{hours(sums.compute_s)}</td>
      {tokens && <td>{sums.tokens_in.toLocaleString()}</td>}
      {tokens && <td>{sums.tokens_out.toLocaleString()}</td>}
      <td>{money(sums.cost, currency)}</td>
      {whole(sums.passes.toLocaleString())}
      {whole(sums.attempts.toLocaleString())}
    </>
  );
}

export function SaveCsv({ used }: { used: Used }) {
  const name = `usage-${used.from}-${used.to}.csv`;
  return (
    <button type="button" class="button" onClick={() => save(name, csvOf(used))}>
      <Icon name="download" /> Save as CSV
    </button>
  );
}

/** For spreadsheets (RFC 4180): exact numbers, in seconds and in the currency. */
export function csvOf({ lines, split, currency }: Used): string {
  const sums = [
    "audio_s",
    "compute_s",
    "cost",
    "passes",
    "attempts",
    "tokens_in",
    "tokens_out",
  ] as const;
  const names = sums.map((name) => (name === "cost" ? `cost_${currency}` : name));
  const head = ["day", split, ...names];
  const rows = lines.map((line) =>
    [line.day, line.name, ...sums.map((name) => line[name])].map(cell),
  );
  return [head.map(cell), ...rows].map((row) => `${row.join(",")}\r\n`).join("");
}

/** A text that begins like a formula would be one to a spreadsheet. */
function cell(value: string | number): string {
  if (typeof value === "number") return String(value);
  const safe = /^[=+\-@\t]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
