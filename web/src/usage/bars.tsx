import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { voiceClass } from "../words/voices";
import { amount, NAMES, roundTop } from "./amounts";
import type { Used } from "./asking";
import { type Series, seriesOf, stacksOf } from "./model";
import { daysBetween, dayWords, type Measure } from "./range";

const BAR = 10; // a day is so wide, of which the bar leaves GAP free
const GAP = 2;
const HEIGHT = 100;
const MOST_TICKS = 7;

interface BarsProps {
  used: Used;
  measure: Measure;
}

/** A bar for each day, made of what each pass or engine used. The table below says it in numbers. */
export function Bars({ used, measure }: BarsProps) {
  const pointed = useSignal<number | null>(null);
  const { days, series, stacks, top } = useMemo(() => drawnOf(used, measure), [used, measure]);
  const told = (value: number) => amount(measure, value, used.currency);
  return (
    <figure class="usage-chart">
      <figcaption class="row small">
        {series.map(({ name }, at) => (
          <span key={name} class={`who-chip ${voiceClass(at)}`}>
            {name}
          </span>
        ))}
        <span class="grow" />
        <Readout {...{ pointed, days, series, stacks, told }} />
      </figcaption>
      <div class="plot-area">
        {[top, top / 2, 0].map((value) => (
          <span key={value} class="level small number" style={{ insetBlockEnd: part(value, top) }}>
            {told(value)}
          </span>
        ))}
        <div
          class="plot-box"
          role="img"
          aria-label={summary(measure, days, stacks, told)}
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

function drawnOf(used: Used, measure: Measure) {
  const days = daysBetween(used.from, used.to);
  const series = seriesOf(used.lines, measure);
  const stacks = stacksOf(used.lines, days, series, measure);
  const most = stacks.reduce((most, stack) => Math.max(most, sum(stack)), 0);
  return { days, series, stacks, top: roundTop(measure, most) };
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
  days: readonly string[];
  series: readonly Series[];
  stacks: readonly number[][];
  told: (value: number) => string;
}

/** The numbers of the day that one points at. */
function Readout({ pointed, days, series, stacks, told }: ReadoutProps) {
  const at = pointed.value;
  if (at === null) return null;
  const stack = stacks[at] ?? [];
  const parts = series.flatMap(({ name }, index) => {
    const value = stack[index] ?? 0;
    return value > 0 ? [`${name} ${told(value)}`] : [];
  });
  return (
    <span class="number" aria-hidden="true">
      <strong>{dayWords(days[at] ?? "", true)}</strong> {parts.join(" · ") || "nothing"}
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
  days: readonly string[],
  stacks: readonly number[][],
  told: (value: number) => string,
): string {
  const sums = stacks.map(sum);
  const most = sums.reduce((best, value, at) => (value > (sums[best] ?? 0) ? at : best), 0);
  const range = `${dayWords(days[0] ?? "")} to ${dayWords(days.at(-1) ?? "")}`;
  const peak = `most on ${dayWords(days[most] ?? "")}: ${told(sums[most] ?? 0)}`;
  return `${NAMES[measure]} for each day, ${range}; ${peak}.`;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
