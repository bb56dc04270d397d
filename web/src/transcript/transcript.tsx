import { type Signal, useSignalEffect } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { Icon } from "../ui/icon";
import { useFollowing } from "./following";
import { RowView } from "./row-view";
import type { Place, Row, Rows, TranscriptProps } from "./rows";
import "./transcript.css";
import { useVirtual } from "./virtual";

const LINE_PX = 30;

/** A transcript of any length: what can be seen is in the document, all else is only counted. */
export function Transcript(props: TranscriptProps) {
  const { rows, channels, following: mode, unsureBelow = 0, onWord } = props;
  const scroller = useRef<HTMLElement>(null);
  const following = useFollowing(scroller, mode);
  const list = rows.value;
  const virtual = useVirtual(list, scroller);
  const items = virtual.getVirtualItems();
  useMarks(scroller, props);
  useKeptPlace(virtual, list, props.place);

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

  const clicked = (event: MouseEvent) => {
    const target = (event.target as HTMLElement).closest<HTMLElement>("[data-word], [data-from]");
    const index = target?.closest<HTMLElement>("[data-row]")?.dataset["row"];
    if (!target || index === undefined || !onWord) return;
    const row = list.at(Number(index));
    const word = row.words[Number(target.dataset["word"] ?? 0)];
    if (word) onWord(word, row);
  };

  const layout = channels > 1 ? (props.layout ?? "thread") : "thread";
  return (
    <div class="transcript">
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the keys of the player do the same */}
      <section
        ref={scroller}
        class={`scroller ${layout} ${onWord ? "playable" : ""}`}
        aria-label="Transcript"
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
        tabIndex={0}
        onClick={clicked}
      >
        <div style={{ blockSize: `${virtual.getTotalSize()}px` }}>
          <ol class="window" style={{ transform: `translateY(${items[0]?.start ?? 0}px)` }}>
            {items.map(({ index, key }) => (
              <RowView
                key={key}
                row={list.at(index)}
                index={index}
                count={list.length}
                named={channels > 1 && isNamed(list.at(index), list.at(Math.max(0, index - 1)))}
                unsureBelow={unsureBelow}
                playable={onWord !== undefined}
                measure={virtual.measureElement}
              />
            ))}
          </ol>
        </div>
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

/** Another telling of the same call is read on from where the one before was. */
function useKeptPlace(
  virtual: ReturnType<typeof useVirtual>,
  list: Rows,
  place: Signal<number> | undefined,
): void {
  useLayoutEffect(() => {
    const row = place && list.length > 0 ? list.rowAt(place.peek()) : 0;
    if (row > 0) virtual.scrollToIndex(row, { align: "start" });
  }, []);
  useEffect(() => {
    const first = virtual.getVirtualItemForOffset(virtual.scrollOffset ?? 0)?.index;
    if (place && first !== undefined && first < list.length) place.value = list.at(first).start;
  });
}

/** Marks words that sound or were found, without drawing their rows again. */
function useMarks(scroller: { current: HTMLElement | null }, props: TranscriptProps): void {
  const { sounding, found, shown } = props;
  const mark = () => {
    const element = scroller.current;
    if (!element) return;
    setMarks(element, "sounding", sounding?.value ?? []);
    setMarks(element, "found", found?.value ?? []);
    setMarks(element, "shown", shown?.value ? [shown.value] : []);
  };
  useSignalEffect(mark);
  useLayoutEffect(mark); // rows that have come into view since
}

function setMarks(element: HTMLElement, name: string, places: readonly Place[]): void {
  const wanted = new Set<Element>();
  const drawn = [...element.querySelectorAll<HTMLElement>("[data-row]")];
  const byRow = new Map(drawn.map((line) => [Number(line.dataset["row"]), line]));
  for (const { row, word } of places) {
    const marked = byRow.get(row)?.querySelector(`[data-word="${word}"]`);
    if (marked) wanted.add(marked);
  }
  for (const old of element.querySelectorAll(`.${name}`)) {
    if (!wanted.has(old)) old.classList.remove(name);
  }
  for (const marked of wanted) marked.classList.add(name);
}

function isInView(element: HTMLElement | null, row: number): boolean {
  const line = element?.querySelector(`[data-row="${row}"]`)?.getBoundingClientRect();
  const frame = element?.getBoundingClientRect();
  if (!line || !frame) return false;
  return line.top >= frame.top && line.bottom <= frame.bottom - LINE_PX;
}

function isNamed(row: Row, before: Row): boolean {
  return row === before || row.channel !== before.channel || row.speaker !== before.speaker;
}
