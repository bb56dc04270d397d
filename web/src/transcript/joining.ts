import type { Row, Rows } from "./rows";

interface Part {
  rows: Rows;
  /** Seconds on the common clock at which the part's own clock is 0. */
  from: number;
}

/** Several lists as one, for a call that went on under another name. */
export class Joiner {
  private sources: object[] = [];
  private source: object = {};

  join(parts: readonly Part[]): Rows {
    const [only] = parts;
    if (only && parts.length === 1 && only.from === 0) return only.rows;
    const sources = parts.map(({ rows }) => rows.source);
    if (sources.some((source, at) => source !== this.sources[at])) this.source = {};
    if (sources.length !== this.sources.length) this.source = {};
    this.sources = sources;
    return new Joined(parts, this.source);
  }
}

class Joined implements Rows {
  readonly length: number;
  private readonly first: number[] = [];

  constructor(
    private readonly parts: readonly Part[],
    readonly source: object,
  ) {
    let length = 0;
    for (const { rows } of parts) {
      this.first.push(length);
      length += rows.length;
    }
    this.length = length;
  }

  at(index: number): Row {
    const [part, own, number] = this.placed(index);
    const row = part.rows.at(own);
    return number === 0 ? row : moved(row, part.from, this.keyAt(index));
  }

  keyAt(index: number): string {
    const [part, own, number] = this.placed(index);
    return number === 0 ? part.rows.keyAt(own) : `${number} ${part.rows.keyAt(own)}`;
  }

  lettersAt(index: number): number {
    const [part, own] = this.placed(index);
    return part.rows.lettersAt(own);
  }

  rowAt(seconds: number): number {
    const at = this.parts.findLastIndex(({ rows, from }) => rows.length > 0 && from <= seconds);
    const part = this.parts[at];
    return part ? (this.first[at] ?? 0) + part.rows.rowAt(seconds - part.from) : 0;
  }

  /** The part, the row's index in it, and the part's number. */
  private placed(index: number): [Part, number, number] {
    const at = this.first.findLastIndex((first, which) => {
      return first <= index && (this.parts[which]?.rows.length ?? 0) > 0;
    });
    const part = this.parts[at];
    if (!part) throw new RangeError(`there is no row ${index}`);
    return [part, index - (this.first[at] ?? 0), at];
  }
}

const known = new WeakMap<Row, Row>(); // a row that did not change stays the same object

function moved(row: Row, by: number, key: string): Row {
  const before = known.get(row);
  if (before?.key === key) return before;
  const words = row.words.map((word) => ({ ...word, start: word.start + by, end: word.end + by }));
  const result = { ...row, key, words, start: row.start + by, end: row.end + by };
  known.set(row, result);
  return result;
}
