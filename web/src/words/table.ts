import type { Hand, Place, Row, Rows, Word } from "../transcript/rows";
import { ADDED, type Columns, REMOVED, segmentAt } from "./columns";
import { NOBODY, voicesOf } from "./voices";

const MOST_KEPT = 600;

/** Rows of a transcript in columns, made when they are asked for; the latest ones are kept. */
export class Table implements Rows {
  readonly source = this;
  readonly length: number;
  private readonly kept = new Map<number, Row>();
  /** The colour of each speaker, by index into the columns' `speakers`. */
  readonly voices: readonly number[];
  private readonly isStereo: boolean;

  /** `marked`: show words that are new here, and with "all" also those that are gone. `keys`:
   * where rows take the places of others. */
  constructor(
    readonly columns: Columns,
    private readonly hand: Hand,
    private readonly marked: "none" | "added" | "all" = "none",
    private readonly keys?: readonly string[],
  ) {
    this.length = columns.channel.length;
    this.voices = voicesOf(columns);
    this.isStereo = columns.channel.some((channel) => channel > 0);
  }

  at(index: number): Row {
    const kept = this.kept.get(index);
    if (kept) return kept;
    if (!(index >= 0 && index < this.length)) throw new RangeError(`there is no row ${index}`);
    const row = this.made(index);
    if (this.kept.size >= MOST_KEPT) this.kept.clear();
    this.kept.set(index, row);
    return row;
  }

  keyAt(index: number): string {
    return this.keys?.[index] ?? `${this.columns.version} ${index}`;
  }

  lettersAt(index: number): number {
    const { firstWord, textAt } = this.columns;
    return (textAt[firstWord[index + 1] ?? 0] ?? 0) - (textAt[firstWord[index] ?? 0] ?? 0);
  }

  /** The words that sound at a second: one a channel at most. */
  soundingAt(seconds: number): Place[] {
    const { start, end, longest } = this.columns;
    const places: Place[] = [];
    for (let row = lastBefore(start, seconds); row >= 0; row -= 1) {
      if ((start[row] ?? 0) < seconds - longest) break;
      if ((end[row] ?? 0) <= seconds) continue;
      const word = this.wordAt(row, seconds);
      if (word >= 0) places.unshift({ row, word });
    }
    return places;
  }

  rowAt(seconds: number): number {
    return Math.max(0, lastBefore(this.columns.start, seconds));
  }

  /** The word at a second, or where there is none the first one after it; null behind the last. */
  placeAt(seconds: number): Place | null {
    const [sounding] = this.soundingAt(seconds);
    if (sounding) return sounding;
    const row = lastBefore(this.columns.start, seconds) + 1;
    return row < this.length ? { row, word: 0 } : null;
  }

  /** Between two words the one before sounds on, so that the mark does not flicker. */
  private wordAt(row: number, seconds: number): number {
    const { wordStart, firstWord } = this.columns;
    const first = firstWord[row] ?? 0;
    const words = wordStart.subarray(first, firstWord[row + 1]);
    return lastBefore(words, seconds + 0.005); // single precision rounds a start upwards at times
  }

  /** The colour of a row's speaker: of a channel's where nobody on it is told apart. */
  voiceAt(index: number): number {
    const { channel, speaker, speakers } = this.columns;
    const who = speaker[index] ?? NOBODY;
    if (who !== NOBODY) return this.voices[who] ?? NOBODY;
    return speakers.length === 0 || this.isStereo ? (channel[index] ?? 0) : NOBODY;
  }

  private made(index: number): Row {
    const { words, sentiment: _, ...segment } = segmentAt(this.columns, index);
    return {
      ...segment,
      voice: this.voiceAt(index),
      key: this.keyAt(index),
      hand: this.hand,
      words: words.map(({ mark, text, start, end, probability = null, redacted = null }): Word => {
        const word = { text, start, end, probability, redacted };
        if (mark === ADDED && this.marked !== "none") return { ...word, mark: "added" };
        return mark === REMOVED ? { ...word, mark: "removed" } : word;
      }),
    };
  }
}

/** Index of the last value that is at most `limit` in a rising list; -1 where there is none. */
export function lastBefore(values: ArrayLike<number>, limit: number): number {
  let [low, high] = [0, values.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((values[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
