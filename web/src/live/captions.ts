import { type ReadonlySignal, signal } from "@preact/signals";
import type { Caption, Final, Partial } from "../api/events";
import type { Row, Rows, Word } from "../transcript/rows";

const UNSPACED = /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]/; // Thai, Lao, kana, Han

/**
 * What was said so far, as rows: one an utterance, made at its first words and then in its place
 * for good. An event costs the same after an hour as after a minute.
 */
export class Captions implements Rows {
  /** A new object after each event; the rows in it that did not change are the same. */
  readonly rows: ReadonlySignal<Rows>;
  /** Channels on which somebody speaks now. */
  readonly speaking = signal<ReadonlySet<number>>(new Set());
  readonly channels = signal(1);
  private readonly list: Row[] = [];
  private readonly places = new Map<string, number>();
  private readonly current = signal<Rows>(this);
  private part = 1;
  private from = 0;

  constructor() {
    this.rows = this.current;
  }

  /** The call goes on under another id, its clock at 0: rows and times go on after the last. */
  goOn(): void {
    this.part += 1;
    this.from = this.list.reduce((latest, { end }) => Math.max(latest, end), this.from);
    this.speaking.value = new Set();
  }

  get length(): number {
    return this.list.length;
  }

  at(index: number): Row {
    const row = this.list[index];
    if (!row) throw new RangeError(`there is no row ${index}`);
    return row;
  }

  keyAt(index: number): string {
    return this.at(index).key;
  }

  lettersAt(index: number): number {
    return this.at(index).words.reduce((sum, { text }) => sum + text.length + 1, 0);
  }

  rowAt(seconds: number): number {
    return Math.max(
      0,
      this.list.findLastIndex(({ start }) => start <= seconds),
    );
  }

  heard(caption: Caption): void {
    if (caption.type === "speech_started") this.speaks(caption.channel, true);
    if (caption.type === "partial") this.partial(caption);
    if (caption.type === "final") this.final(caption);
    if (caption.type === "done") this.speaking.value = new Set();
  }

  private partial(partial: Partial): void {
    this.speaks(partial.channel, true);
    const at = this.placed(partial);
    const words = guessed(partial, at);
    if (words.length > 0) this.put({ ...at, hand: "partial", words, failed: false });
  }

  private final(final: Final): void {
    this.speaks(final.channel, false);
    const at = this.placed(final);
    const words = final.words.map(({ text, start, end, probability = null }): Word => {
      return { text, start: this.from + start, end: this.from + end, probability };
    });
    this.put({
      ...at,
      hand: "draft",
      words: words.length > 0 ? words : guessed(final, at),
      failed: final.failed ?? false,
    });
  }

  private put(row: Row): void {
    const place = this.places.get(row.key);
    if (place !== undefined) {
      if (this.list[place]?.hand === "draft" && row.hand === "partial") return; // it came too late
      this.list[place] = row;
    } else {
      this.places.set(row.key, this.list.length);
      this.list.push(row);
    }
    if (row.channel >= this.channels.value) this.channels.value = row.channel + 1;
    const { length } = this.list;
    this.current.value = {
      length,
      at: (index) => this.at(index),
      keyAt: (index) => this.keyAt(index),
      lettersAt: (index) => this.lettersAt(index),
      rowAt: (seconds) => this.rowAt(seconds),
    };
  }

  private placed({ channel, utterance, start, end, text }: Partial | Final) {
    const spaced = /\s/.test(text.trim()) || !UNSPACED.test(text);
    const key = `live ${this.part} ${channel} ${utterance}`;
    const [from, to] = [this.from + start, this.from + end];
    return { key, channel, speaker: null, start: from, end: to, spaced };
  }

  private speaks(channel: number, now: boolean): void {
    if (this.speaking.value.has(channel) === now) return;
    const speaking = new Set(this.speaking.value);
    if (now) speaking.add(channel);
    else speaking.delete(channel);
    this.speaking.value = speaking;
  }
}

/** Words of an utterance that has none of its own, all at its time. */
function guessed(
  { text }: Partial | Final,
  { start, end }: { start: number; end: number },
): Word[] {
  const words = text.split(/\s+/).filter(Boolean);
  return words.map((word) => ({ text: word, start, end, probability: null }));
}
