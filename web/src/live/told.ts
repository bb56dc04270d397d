import type { Rows, Word } from "../transcript/rows";
import { spokenOf } from "../words/removed";

/** Which finals were told to a screen reader, for as long as the call is on the page. */
export class Told {
  private readonly keys = new Set<string>();
  private source: object | null = null;
  private before = 0;

  /** The texts of finals that are new, in order; canonical rows are for reading. */
  fresh(list: Rows): string[] {
    if (list.source !== this.source) this.before = 0; // rows have moved, or are others
    this.source = list.source;
    const texts: string[] = [];
    let settled = true;
    for (let index = this.before; index < list.length; index += 1) {
      const row = list.at(index);
      if (row.hand === "draft" && !this.keys.has(row.key)) {
        texts.push(row.words.map(spoken).join(" "));
      }
      if (row.hand === "partial") settled = false;
      else this.keys.add(row.key);
      if (settled) this.before = index + 1; // a long utterance may still wait behind shorter ones
    }
    return texts;
  }
}

function spoken({ text, redacted }: Word): string {
  return redacted ? spokenOf(redacted) : text;
}
