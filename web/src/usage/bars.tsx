import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { voiceClass } from "../words/voices";
import { amount, NAMES, roundTop } from "./amounts";
import type { Used } from "./asking";
import { gathered, type Series, seriesOf, stacksOf } from "./model";
import { daysBetween, dayWords, type Measure } from "./range";

const MOST_DAYS_APART = 62; // more than that, and a bar is a week
const BAR = 10; // so wide, of which GAP is left free
const GAP = 2;
const HEIGHT = 100;
const MOST_TICKS = 7;

interface BarsProps {
  used: Used;
  measure: Measure;
}

/** A bar for each day or week, made of what each pass or engine used. The table below says it in numbers. */
export function Bars({ used, measure }: BarsProps) {
  const pointed = useSignal<number | null>(null);
  const drawn = useMemo(() => drawnOf(used, measure), [used, measure]);
  const { days, series, stacks, top } = drawn;
  const told = (value: number) => amount(measure, value, used.currency);
  return (
    <figure class="usage-chart">
      <figcaption class="row small">
        {series.map(
          ({ name }, at) =>
            stacks.some((stack) => (stack[at] ?? 0) > 0) && (
              <span key={name} class={`who-chip ${voiceClass(at)}`}>
                {name}
              </span>
            ),
        )}
        <span class="grow" />
        <Readout {...{ pointed, drawn, told }} />
      </figcaption>
      <div class="plot-area">
        {[top, top / 2, 0].map((value) => (
          <span key={value} class="level small number" style={{ insetBlockEnd: part(value, top) }}>
            {value === 0 ? "0" : told(value)}
          </span>
        ))}
        <div
          class="plot-box"
          role="img"
          aria-label={summary(measure, used, drawn, told)}
          onPointerMove={(event) => {
            const box = event.currentTarget.getBoundingClientRect();
            const day = Math.floor((days.length * (event.clientX - box.left)) / box.width);
            pointed.value = day >= 0 && day < days.length ? day : null;
          }}
          onPointerLeave={() => {
            pointed.value = null;
          }}
        >
          <Highlight pointed={pointed} count={days.length} />
          <Stacks series={series} stacks={stacks} top={top} />
        </div>
      </div>
      <Days days={days} />
    </figure>
  );
}

interface Drawn {
  /** The first day of each bar. */
  days: string[];
  /** Days in a bar. */
  size: number;
  series: Series[];
  stacks: number[][];
  top: number;
}

/** A series keeps its colour, whatever is measured; the chart names those that are drawn in it. */
function drawnOf(used: Used, measure: Measure): Drawn {
  const all = daysBetween(used.from, used.to);
  const size = all.length > MOST_DAYS_APART ? 7 : 1;
  const series = seriesOf(used.lines, "audio_s");
  const stacks = gathered(stacksOf(used.lines, all, series, measure), size);
  const most = stacks.reduce((most, stack) => Math.max(most, sum(stack)), 0);
  const days = all.filter((_, at) => at % size === 0);
  return { days, size, series, stacks, top: roundTop(measure, most) };
}

interface StacksProps {
  series: readonly Series[];
  stacks: readonly number[][];
  top: number;
}

function Stacks({ series, stacks, top }: StacksProps) {
  const paths = useMemo(() => pathsOf(series.length, stacks, top), [series, stacks, top]);
  return (
    <svg
      viewBox={`0 0 ${BAR * stacks.length} ${HEIGHT}`}
      preserveAspectRatio="none"
      aria-hidden="true"
      focusable="false"
    >
      {paths.map((path, at) => (
        <path key={series[at]?.name} class={voiceClass(at)} d={path} />
      ))}
    </svg>
  );
}

/** A path for each series; the first one stands below. */
export function pathsOf(count: number, stacks: readonly number[][], top: number): string[] {
  const paths = Array.from({ length: count }, () => "");
  stacks.forEach((stack, day) => {
    let below = 0;
    stack.forEach((value, at) => {
      if (value <= 0) return;
      const [low, high] = [level(below, top), level(below + value, top)];
      paths[at] += `M${BAR * day + GAP / 2} ${low}V${high}h${BAR - GAP}V${low}Z`;
      below += value;
    });
  });
  return paths;
}

function level(value: number, top: number): number {
  return Math.round(100 * (HEIGHT - (HEIGHT * value) / top)) / 100;
}

function part(value: number, top: number): string {
  return `${(100 * value) / top}%`;
}

function Highlight({ pointed, count }: { pointed: Signal<number | null>; count: number }) {
  const day = pointed.value;
  if (day === null) return null;
  const style = { insetInlineStart: `${(100 * day) / count}%`, inlineSize: `${100 / count}%` };
  return <span class="pointed-day" style={style} />;
}

interface ReadoutProps {
  pointed: Signal<number | null>;
  drawn: Drawn;
  told: (value: number) => string;
}

/** The numbers of the bar that one points at. */
function Readout({ pointed, drawn, told }: ReadoutProps) {
  const at = pointed.value;
  if (at === null) return null;
  const { days, size, series, stacks } = drawn;
  const parts = series.flatMap(({ name }, index) => {
    const value = stacks[at]?.[index] ?? 0;
    return value > 0 ? [`${name} ${told(value)}`] : [];
  });
  const day = dayWords(days[at] ?? "", "weekday");
  return (
    <span class="number" aria-hidden="true">
      <strong>{size === 1 ? day : `Week from ${day}`}</strong> {parts.join(" · ") || "nothing"}
    </span>
  );
}

function Days({ days }: { days: readonly string[] }) {
  const step = Math.max(1, Math.ceil(days.length / MOST_TICKS));
  return (
    <div class="plot-days small number" aria-hidden="true">
      {days.flatMap((day, at) =>
        at % step === 0
          ? [
              <span key={day} style={{ insetInlineStart: `${(100 * (at + 0.5)) / days.length}%` }}>
                {dayWords(day)}
              </span>,
            ]
          : [],
      )}
    </div>
  );
}

function summary(
  measure: Measure,
  { from, to }: Used,
  { days, size, stacks }: Drawn,
  told: (value: number) => string,
): string {
  const sums = stacks.map(sum);
  const most = sums.reduce((best, value, at) => (value > (sums[best] ?? 0) ? at : best), 0);
  const peak = `${dayWords(days[most] ?? "")}: ${told(sums[most] ?? 0)}`;
  const each = size === 1 ? "day" : "week";
  const range = `${dayWords(from, "year")} to ${dayWords(to, "year")}`;
  return `${NAMES[measure]} for each ${each}, ${range}; most on ${peak}.`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
