import { type Signal, useSignal, useSignalEffect } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import type { Player } from "../call/player";
import { clock, percent } from "../ui/format";
import type { Table } from "../words/table";
import { voiceClass, voiceOf } from "../words/voices";
import { type Course, courseOf, coursePaths, dots, moodAt, moodsOf } from "./curve";
import type { Insights } from "./insights";
import { type Lane, lanesOf, WIDTH } from "./lanes";
import { moodWords, signed } from "./mood";
import "./timeline.css";

interface TimelineProps {
  table: Table;
  lengthS: number;
  channels: number;
  insights: Insights | null;
  /** Null where there is nothing to be heard: then it is only looked at. */
  player: Player | null;
}

/** How a call went and who spoke when, over the same time as the waveform above. */
export function Timeline({ table, lengthS, channels, insights, player }: TimelineProps) {
  const lanes = useMemo(
    () => lanesOf(table, lengthS, channels, insights),
    [table, lengthS, channels, insights],
  );
  const moods = useMemo(() => moodsOf(table, insights), [table, insights]);
  const course = useMemo(() => courseOf(moods, lengthS), [moods, lengthS]);
  const pointed = useSignal<number | null>(null);
  if (lanes.length === 0) return null;
  return (
    <div class="timeline">
      {course && (
        <div class="strip mood">
          <span class="strip-name">
            Sentiment
            <span class="ends" aria-hidden="true">
              <span>+1</span>
              <span>−1</span>
            </span>
          </span>
          <Curve course={course} moods={dots(moods, lengthS)} table={table} />
        </div>
      )}
      {lanes.map((lane) => (
        <LaneStrip key={`${lane.voice} ${lane.name}`} lane={lane} />
      ))}
      <Over lengthS={lengthS} player={player} pointed={pointed} course={course} />
    </div>
  );
}

function LaneStrip({ lane }: { lane: Lane }) {
  const share = percent(lane.share);
  return (
    <div class={`strip lane ${voiceClass(lane.voice)}`}>
      <span class="strip-name">
        <span class="who-chip">{lane.name}</span> <span class="number">{share}</span>
      </span>
      <svg
        class="track"
        viewBox={`0 0 ${WIDTH} 1`}
        preserveAspectRatio="none"
        aria-hidden="true"
        focusable="false"
      >
        <path class="talk" d={lane.talk} />
        <path class="gone" d={lane.removed} />
      </svg>
    </div>
  );
}

interface CurveProps {
  course: Course;
  moods: Map<string, string>;
  table: Table;
}

function Curve({ course, moods, table }: CurveProps) {
  const { line, above, below } = useMemo(() => coursePaths(course), [course]);
  return (
    <svg
      class="track"
      viewBox={`0 -0.12 ${WIDTH} 2.24`}
      preserveAspectRatio="none"
      role="img"
      aria-label={`Sentiment over the call: ${courseWords(course)}`}
    >
      <path class="better" d={above} />
      <path class="worse" d={below} />
      <path class="zero" d={`M0 1H${WIDTH}`} />
      <path class="course" d={line} />
      {[...moods].map(([speaker, path]) => (
        <path
          key={speaker}
          class={`dots ${voiceClass(voiceOf(speaker, table.columns.speakers, table.voices))}`}
          d={path}
        />
      ))}
    </svg>
  );
}

/** The course for those who do not see it: how it was at first, in the middle and at last. */
function courseWords({ values }: Course): string {
  const known = values.filter((value) => value !== null);
  const third = Math.ceil(known.length / 3);
  const means = [0, 1, 2].map((part) => {
    const some = known.slice(part * third, (part + 1) * third);
    return some.reduce((sum, value) => sum + value, 0) / Math.max(1, some.length);
  });
  const [first, middle, last] = means.map(moodWords);
  return `${first} at first, ${middle} in the middle, ${last} at last.`;
}

interface OverProps {
  lengthS: number;
  player: Player | null;
  pointed: Signal<number | null>;
  course: Course | null;
}

/** Takes clicks, which seek, and shows where one points and where it plays. The player's slider
 * is for keys. */
function Over({ lengthS, player, pointed, course }: OverProps) {
  const second = (event: PointerEvent) => {
    const box = (event.currentTarget as HTMLElement).getBoundingClientRect();
    const share = (event.clientX - box.left) / Math.max(1, box.width);
    return lengthS * Math.max(0, Math.min(1, share));
  };
  return (
    <div
      class={`over ${player ? "seekable" : ""}`}
      aria-hidden="true"
      onPointerDown={(event) => {
        if (event.button === 0) player?.seek(second(event));
      }}
      onPointerMove={(event) => {
        pointed.value = second(event);
        if (event.buttons === 1) player?.seek(second(event));
      }}
      onPointerLeave={() => {
        pointed.value = null;
      }}
    >
      {player && <Needle player={player} lengthS={lengthS} />}
      <Pointed pointed={pointed} lengthS={lengthS} course={course} />
    </div>
  );
}

/** Moves with every frame while it plays, alone. */
function Needle({ player, lengthS }: { player: Player; lengthS: number }) {
  const needle = useRef<HTMLSpanElement>(null);
  useSignalEffect(() => {
    const share = Math.max(0, Math.min(1, player.position.value / lengthS));
    if (needle.current) needle.current.style.insetInlineStart = `${100 * share}%`;
  });
  return <span ref={needle} class="needle" />;
}

function Pointed({ pointed, lengthS, course }: Omit<OverProps, "player">) {
  const at = pointed.value;
  if (at === null) return null;
  const mood = course && moodAt(course, at);
  const share = at / lengthS;
  return (
    <span class="pointed" style={{ insetInlineStart: `${100 * share}%` }}>
      <span class={`tip number ${share > 0.8 ? "before" : ""}`}>
        {clock(at)}
        {mood !== null && ` · ${signed(mood)}`}
      </span>
    </span>
  );
}
