import { type ReadonlySignal, signal } from "@preact/signals";
import type { Caption, Final, Partial } from "../api/events";
import type { Row, Rows, Word } from "../transcript/rows";
import { kindIn } from "../words/removed";

const UNSPACED = /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]/; // Thai, Lao, kana, Han

/** Who begins so soon after another may stand before him: rows would move for nothing. */
const AT_ONCE_S = 1;

/**
 * What was said so far, as rows: one an utterance, made at its first words where it began, and
 * there for good, unless it comes to nothing.
 */
export class Captions implements Rows {
  /** A new object after each event; the rows in it that did not change are the same. */
  readonly rows: ReadonlySignal<Rows>;
  /** Channels on which somebody speaks now. */
  readonly speaking = signal<ReadonlySet<number>>(new Set());
  /** So many channels have spoken. */
  readonly channels = signal(1);
  private readonly list: Row[] = [];
  private readonly places = new Map<string, number>();
  /** Of each channel the utterance whose partial has no final yet, by the key of its row. */
  private readonly unsettled = new Map<number, string>();
  /** Of each channel the last utterance that has begun. */
  private readonly begun = new Map<number, number>();
  private origin: object = {};
  private readonly current = signal<Rows>(this);

  constructor() {
    this.rows = this.current;
  }

  /** Another one where a row has gone or come between, and others have moved. */
  get source(): object {
    return this.origin;
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
    switch (caption.type) {
      case "speech_started": // the final of the one before may still come
        this.begins(caption);
        break;
      case "partial":
        this.begins(caption);
        this.partial(caption);
        break;
      case "final":
        this.ends(caption);
        this.final(caption);
        break;
      case "no_words":
        this.ends(caption);
        if (this.unsettled.get(caption.channel) === keyOf(caption)) this.forget(caption.channel);
        break;
      case "done":
        this.speaking.value = new Set();
        for (const channel of [...this.unsettled.keys()]) this.forget(channel);
    }
  }

  private begins({ channel, utterance }: Utterance): void {
    this.begun.set(channel, Math.max(utterance, this.begun.get(channel) ?? 0));
    this.speaks(channel, true);
  }

  /** Unless the next one has begun meanwhile. */
  private ends({ channel, utterance }: Utterance): void {
    if (utterance >= (this.begun.get(channel) ?? 0)) this.speaks(channel, false);
  }

  private partial(partial: Partial): void {
    const at = placed(partial);
    const words = guessed(partial);
    if (words.length === 0) return;
    if (this.rowOf(at.key)?.hand === "draft") return; // it came too late
    this.forget(partial.channel, at.key); // what went before would have its final by now
    this.unsettled.set(partial.channel, at.key);
    const { settled = 0 } = partial;
    this.put({ ...at, hand: "partial", words, settled, failed: false });
  }

  private final(final: Final): void {
    const at = placed(final);
    this.forget(final.channel, at.key);
    this.unsettled.delete(final.channel);
    const words = final.words.map(({ text, start, end, ...word }): Word => {
      const { probability = null, redacted = null } = word;
      return { text, start, end, probability, redacted };
    });
    this.put({
      ...at,
      hand: "draft",
      words: words.length > 0 ? words : guessed(final),
      failed: final.failed ?? false,
    });
  }

  private rowOf(key: string): Row | undefined {
    const place = this.places.get(key);
    return place === undefined ? undefined : this.list[place];
  }

  private put(row: Row): void {
    const place = this.places.get(row.key);
    if (place === undefined) this.add(row);
    else this.list[place] = row;
    if (row.channel >= this.channels.value) this.channels.value = row.channel + 1;
    this.tell();
  }

  /** Where captions are behind, one channel's may come long after what another answered. */
  private add(row: Row): void {
    const place = 1 + this.list.findLastIndex(({ start }) => start <= row.start + AT_ONCE_S);
    this.list.splice(place, 0, row);
    if (place < this.list.length - 1) this.moved();
    else this.places.set(row.key, place);
  }

  /** A channel's partial that no final will follow; `but` is the row that may stay. */
  private forget(channel: number, but = ""): void {
    const key = this.unsettled.get(channel);
    if (key === undefined || key === but) return;
    this.unsettled.delete(channel);
    const place = this.places.get(key);
    if (place === undefined) return;
    this.list.splice(place, 1);
    this.moved();
    this.tell();
  }

  private moved(): void {
    this.origin = {};
    this.places.clear();
    this.list.forEach((row, at) => {
      this.places.set(row.key, at);
    });
  }

  private tell(): void {
    const { source, length } = this;
    this.current.value = {
      ...{ source, length },
      at: (index) => this.at(index),
      keyAt: (index) => this.keyAt(index),
      lettersAt: (index) => this.lettersAt(index),
      rowAt: (seconds) => this.rowAt(seconds),
    };
  }

  private speaks(channel: number, now: boolean): void {
    if (this.speaking.value.has(channel) === now) return;
    const speaking = new Set(this.speaking.value);
    if (now) speaking.add(channel);
    else speaking.delete(channel);
    this.speaking.value = speaking;
  }
}

interface Utterance {
  channel: number;
  utterance: number;
}

function keyOf({ channel, utterance }: Utterance): string {
  return `live ${channel} ${utterance}`;
}

function placed(event: Partial | Final) {
  const { channel, start, end, text } = event;
  const spaced = /\s/.test(text.trim()) || !UNSPACED.test(text);
  return { key: keyOf(event), channel, speaker: null, voice: channel, start, end, spaced };
}

/** Words of an utterance that has none of its own, all at its time. */
function guessed({ text, start, end }: Partial | Final): Word[] {
  const words = text.split(/\s+/).filter(Boolean);
  return words.map((word) => {
    return { text: word, start, end, probability: null, redacted: kindIn(word) };
  });
}
