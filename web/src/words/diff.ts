import {
  ADDED,
  type Columns,
  columnsOf,
  fold,
  REMOVED,
  SAME,
  segmentAt,
  type TimedSegment,
  type TimedWord,
} from "./columns";

/** How two tellings of a call differ, and the later one with every difference marked in it. */
export interface Difference {
  /** The canonical segments, with the draft's lost words set where they stood. */
  table: Columns;
  added: number;
  removed: number;
}

const PAUSE_S = 0.25;
const FULL_BLOCK = 60; // words of one telling after which the next pause ends a block
const LARGEST_BLOCK = 400;

/**
 * Compare word by word, each channel by itself, case, accents and punctuation aside. With "added"
 * the draft's lost words are counted, but not shown.
 *
 * A call is cut into blocks at pauses that both tellings have; inside a block a longest common
 * subsequence is found (Wagner and Fischer 1974), so that time grows with the call's length only.
 */
export function difference(
  draft: Columns,
  canonical: Columns,
  shown: "all" | "added" = "all",
): Difference {
  const [before, after] = [segmentsOf(draft), segmentsOf(canonical)];
  const counts = { added: 0, removed: 0 };
  const segments: TimedSegment[] = [];
  for (const channel of new Set([...before, ...after].map((segment) => segment.channel))) {
    const lost = before.filter((segment) => segment.channel === channel);
    const kept = after.filter((segment) => segment.channel === channel);
    segments.push(...compared(lost, kept, counts));
  }
  const visible = shown === "all" ? segments : segments.flatMap(withoutLost);
  visible.sort((a, b) => a.start - b.start || a.channel - b.channel);
  return { table: columnsOf(visible, "difference", canonical.revision), ...counts };
}

function withoutLost(segment: TimedSegment): TimedSegment[] {
  const words = segment.words.filter(({ mark }) => mark !== REMOVED);
  return words.length > 0 || segment.failed ? [{ ...segment, words }] : [];
}

function segmentsOf(columns: Columns): TimedSegment[] {
  return Array.from({ length: columns.channel.length }, (_, index) => segmentAt(columns, index));
}

interface Item {
  word: TimedWord;
  folded: string;
  segment: number;
}

function compared(
  before: TimedSegment[],
  after: TimedSegment[],
  counts: { added: number; removed: number },
): TimedSegment[] {
  if (after.length === 0) return before.map((segment) => allRemoved(segment, counts));
  const result = after.map((segment) => ({ ...segment, words: [] as TimedWord[] }));
  let segment = 0; // where a lost word is set: with what stands before it, or after it at a start
  for (const [olds, news] of blocks(items(before), items(after))) {
    const words = aligned(olds, news);
    const next = nextSegments(words);
    words.forEach(({ item, mark }, at) => {
      if (mark !== REMOVED) segment = item.segment;
      else if ((next[at] ?? segment) > segment) segment = nearest(after, segment, item.word);
      if (mark === ADDED) counts.added += 1;
      if (mark === REMOVED) counts.removed += 1;
      result[segment]?.words.push({ ...item.word, mark });
    });
  }
  return result;
}

function allRemoved(segment: TimedSegment, counts: { removed: number }): TimedSegment {
  counts.removed += segment.words.length;
  return { ...segment, words: segment.words.map((word) => ({ ...word, mark: REMOVED })) };
}

/** For each word, in which segment the canonical text goes on after it: no lost word passes that. */
function nextSegments(words: { item: Item; mark: number }[]): (number | undefined)[] {
  let next: number | undefined;
  return words
    .toReversed()
    .map(({ item, mark }) => {
      if (mark !== REMOVED) next = item.segment;
      return next;
    })
    .toReversed();
}

/** The next segment, where it is nearer to the word than the one we are in. */
function nearest(segments: TimedSegment[], current: number, word: TimedWord): number {
  const [here, next] = [segments[current], segments[current + 1]];
  if (!here || !next) return current;
  const middle = (word.start + word.end) / 2;
  return next.start - middle < middle - here.end ? current + 1 : current;
}

function items(segments: TimedSegment[]): Item[] {
  return segments.flatMap(({ words }, segment) =>
    words.map((word) => ({ word, folded: fold(word.text), segment })),
  );
}

/** Both tellings cut at the same moments. */
export function* blocks<T extends { word: TimedWord }>(
  olds: T[],
  news: T[],
): Generator<[T[], T[]]> {
  let [oldFrom, newFrom, oldTo, newTo, reached] = [0, 0, 0, 0, 0];
  while (oldTo < olds.length || newTo < news.length) {
    const [old, fresh] = [olds[oldTo], news[newTo]];
    const takeOld = old !== undefined && (!fresh || old.word.start <= fresh.word.start);
    const item = takeOld ? old : fresh;
    if (!item) break;
    const most = Math.max(oldTo - oldFrom, newTo - newFrom);
    const pause = item.word.start > reached + PAUSE_S;
    if ((pause && most >= FULL_BLOCK) || most >= LARGEST_BLOCK) {
      yield [olds.slice(oldFrom, oldTo), news.slice(newFrom, newTo)];
      [oldFrom, newFrom] = [oldTo, newTo];
    }
    reached = Math.max(reached, item.word.end);
    if (takeOld) oldTo += 1;
    else newTo += 1;
  }
  yield [olds.slice(oldFrom), news.slice(newFrom)];
}

/** The two lists as one: lost words stand before the new ones at the same place. */
export function aligned<T extends { folded: string }>(
  olds: T[],
  news: T[],
): { item: T; mark: number }[] {
  const common = commonLengths(olds, news);
  const width = news.length + 1;
  const result: { item: T; mark: number }[] = [];
  let [row, column] = [0, 0];
  while (row < olds.length || column < news.length) {
    const [old, fresh] = [olds[row], news[column]];
    if (old && fresh && old.folded === fresh.folded) {
      result.push({ item: fresh, mark: SAME });
      row += 1;
      column += 1;
    } else if (
      old &&
      (!fresh || at(common, (row + 1) * width + column) >= at(common, row * width + column + 1))
    ) {
      result.push({ item: old, mark: REMOVED });
      row += 1;
    } else if (fresh) {
      result.push({ item: fresh, mark: ADDED });
      column += 1;
    }
  }
  return result;
}

/** Length of the longest common subsequence of what is left from (row, column) on. */
function commonLengths(olds: { folded: string }[], news: { folded: string }[]): Uint16Array {
  const width = news.length + 1;
  const common = new Uint16Array((olds.length + 1) * width);
  for (let row = olds.length - 1; row >= 0; row -= 1) {
    for (let column = news.length - 1; column >= 0; column -= 1) {
      const here = row * width + column;
      const same = olds[row]?.folded === news[column]?.folded;
      common[here] = same
        ? at(common, here + width + 1) + 1
        : Math.max(at(common, here + width), at(common, here + 1));
    }
  }
  return common;
}

function at(values: Uint16Array, index: number): number {
  return values[index] ?? 0;
}
