import { useSignalEffect } from "@preact/signals";
import { useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../ui/icon";
import { nameOf } from "../words/voices";
import { useFollowing } from "./following";
import { useMarks } from "./marking";
import { RowView } from "./row-view";
import type { Row, Rows, TranscriptProps, Word } from "./rows";
import "./transcript.css";
import { useKeptPlace, useVirtual, type Virtual } from "./virtual";

const LAST_LINE_PX = 30;

/** A transcript of any length: what can be seen is in the document, all else is only counted. */
export function Transcript(props: TranscriptProps) {
  const { rows, channels, following: mode, unsureBelow = 0, onWord } = props;
  const scroller = useRef<HTMLElement>(null);
  const following = useFollowing(scroller, mode);
  const list = rows.value;
  const virtual = useVirtual(list, scroller);
  useMarks(scroller, props);
  useKeptPlace(virtual, list, () => mode !== "end" || !following.peek());

  useLayoutEffect(() => {
    const element = scroller.current;
    if (mode === "end" && following.value && element) element.scrollTop = element.scrollHeight;
  });
  useSignalEffect(() => {
    const row = props.sounding?.value[0]?.row;
    if (mode !== "sound" || !following.value || row === undefined) return;
    if (!isInView(scroller.current, row)) virtual.scrollToIndex(row, { align: "center" });
  });
  useSignalEffect(() => {
    const row = props.shown?.value?.row;
    if (row === undefined || isInView(scroller.current, row)) return;
    following.value = false;
    virtual.scrollToIndex(row, { align: "center" });
  });

  const layout = channels > 1 ? (props.layout ?? "thread") : "thread";
  const language = props.language === "auto" ? undefined : (props.language ?? undefined);
  return (
    <div class="transcript">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: lines have buttons, and the player has keys */}
      <section
        ref={scroller}
        class={`scroller ${layout} ${onWord ? "playable" : ""}`}
        aria-label="Transcript"
        lang={language}
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        onClick={(event) => clicked(event, list, onWord)}
      >
        <Window {...{ virtual, list, channels, unsureBelow }} playable={onWord !== undefined} />
      </section>
      {mode !== "none" && !following.value && (
        <button
          type="button"
          class="button follow"
          onClick={() => {
            following.value = true;
            if (mode === "end") virtual.scrollToIndex(list.length - 1, { align: "end" });
          }}
        >
          <Icon name="down" /> {mode === "end" ? "To what is said now" : "Follow the sound"}
        </button>
      )}
    </div>
  );
}

interface WindowProps {
  virtual: Virtual;
  list: Rows;
  channels: number;
  unsureBelow: number;
  playable: boolean;
}

/** The rows that can be seen, where they would stand among all. */
function Window({ virtual, list, channels, unsureBelow, playable }: WindowProps) {
  const items = virtual.getVirtualItems();
  return (
    <div style={{ blockSize: `${virtual.getTotalSize()}px` }}>
      <ol class="window" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
        {items.map(({ index, key }) => (
          <RowView
            key={key}
            row={list.at(index)}
            index={index}
            count={list.length}
            name={isNamed(list, index, channels) ? nameOf(list.at(index), channels) : null}
            attributed={isAttributed(list.at(index), channels)}
            unsureBelow={unsureBelow}
            playable={playable}
            measure={virtual.measureElement}
          />
        ))}
      </ol>
    </div>
  );
}

function clicked(
  event: MouseEvent,
  list: Rows,
  onWord: ((word: Word, row: Row) => void) | undefined,
): void {
  const target = (event.target as HTMLElement).closest<HTMLElement>("[data-word], [data-from]");
  const index = target?.closest<HTMLElement>("[data-row]")?.dataset["row"];
  if (!target || index === undefined || !onWord) return;
  const row = list.at(Number(index));
  const word = row.words[Number(target.dataset["word"] ?? 0)];
  if (word) onWord(word, row);
}

function isInView(element: HTMLElement | null, row: number): boolean {
  const line = element?.querySelector(`[data-row="${row}"]`)?.getBoundingClientRect();
  const frame = element?.getBoundingClientRect();
  if (!line || !frame) return false;
  return line.top >= frame.top && line.bottom <= frame.bottom - LAST_LINE_PX;
}

/** Whether there is more to say of a speaker than that somebody spoke. */
function isAttributed({ speaker }: Row, channels: number): boolean {
  return channels > 1 || speaker !== null;
}

/** Whoever speaks is named where another one spoke before. */
function isNamed(list: Rows, index: number, channels: number): boolean {
  const row = list.at(index);
  const before = index > 0 ? list.at(index - 1) : null;
  if (!isAttributed(row, channels) && (before?.speaker ?? null) === null) return false;
  return row.channel !== before?.channel || row.speaker !== before.speaker;
}
