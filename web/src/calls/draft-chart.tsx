import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import type { Call } from "../api/types";
import { callLink, go } from "../router";
import { percent } from "../ui/format";

const LEAST = 5;
const HEIGHT_PX = 110;

/** How far drafts are from their canonical transcripts, over the calls that are shown. */
export function DraftChart({ calls }: { calls: readonly Call[] }) {
  const scored = calls.filter(({ draft_wer }) => draft_wer !== null).toReversed();
  const open = useSignal(false);
  const median = middle(scored.map(({ draft_wer }) => draft_wer ?? 0));
  if (scored.length < LEAST) return null;
  return (
    <details
      class="chart"
      onToggle={(event) => {
        open.value = event.currentTarget.open;
      }}
    >
      <summary class="small quiet">
        Median difference: {percent(median)} of the words, over {scored.length} calls
      </summary>
      {open.value && <Plot calls={scored} />}
    </details>
  );
}

function Plot({ calls }: { calls: Call[] }) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    let end = () => {};
    let left = false;
    plotted(element, calls).then(
      (destroy) => {
        if (left) destroy();
        else end = destroy;
      },
      () => {}, // the library could not be loaded; the line above the chart says the same in words
    );
    return () => {
      left = true;
      end();
    };
  }, [calls]);
  return <div ref={box} class="plot" aria-hidden="true" />;
}

/** The library comes when somebody wants to see the chart. */
async function plotted(element: HTMLElement, calls: Call[]): Promise<() => void> {
  const [{ default: UPlot }] = await Promise.all([
    import("uplot"),
    import("uplot/dist/uPlot.min.css"),
  ]);
  const colour = getComputedStyle(element).color;
  const axis = { stroke: colour, grid: { show: false }, ticks: { show: false } };
  const highest = Math.max(...calls.map(({ draft_wer }) => draft_wer ?? 0), 0.01);
  const chart = new UPlot(
    {
      width: element.clientWidth,
      height: HEIGHT_PX,
      legend: { show: false },
      cursor: { y: false },
      scales: { y: { range: [0, highest * 1.08] } },
      axes: [
        { ...axis, size: 30, space: 120, values: (_, ticks) => ticks.map(time(calls)) },
        {
          ...axis,
          size: 60,
          splits: [0, highest / 2, highest],
          values: (_, ticks) => ticks.map((tick) => percent(tick)),
        },
      ],
      series: [
        {},
        { stroke: colour, paths: () => null, points: { show: true, size: 7, fill: colour } },
      ],
    },
    [calls.map(({ started_at }) => started_at), calls.map(({ draft_wer }) => draft_wer)],
    element,
  );
  chart.over.addEventListener("click", () => {
    const call = calls[chart.cursor.idx ?? -1];
    if (call) go(callLink(call.call_id));
  });
  const resized = new ResizeObserver(() => {
    chart.setSize({ width: element.clientWidth, height: HEIGHT_PX });
  });
  resized.observe(element);
  return () => {
    resized.disconnect();
    chart.destroy();
  };
}

/** Ticks by the clock of the list; by the day where there are several. */
function time(calls: Call[]): (unix: number) => string {
  const days = ((calls.at(-1)?.started_at ?? 0) - (calls[0]?.started_at ?? 0)) / 86_400;
  const wish: Intl.DateTimeFormatOptions =
    days > 1 ? { day: "numeric", month: "short" } : { hour: "2-digit", minute: "2-digit" };
  const format = new Intl.DateTimeFormat(undefined, wish);
  return (unix) => format.format(unix * 1000);
}

function middle(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor((sorted.length - 1) / 2)] ?? 0;
}
