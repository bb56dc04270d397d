import type { Place } from "../transcript/rows";
import { type Columns, fold } from "./columns";
import { lastBefore } from "./table";

const MOST_FOUND = 5000;

/** Scripts that set no spaces: what is looked for may begin anywhere in what counts as a word. */
const UNSPACED = /[\u0e00-\u0eff\u3040-\u30ff\u3400-\u9fff]/;

/** Every word of every place where the words of `query` follow each other, the last one begun. */
export function find(columns: Columns, query: string): Place[][] {
  const wanted = query.split(/\s+/).map(fold).filter(Boolean).join(" ");
  if (wanted === "") return [];
  const anywhere = UNSPACED.test(wanted.charAt(0));
  const found: Place[][] = [];
  let from = 0;
  while (found.length < MOST_FOUND) {
    const at = columns.folded.indexOf(wanted, from);
    if (at < 0) break;
    from = at + 1;
    if (anywhere || at === 0 || columns.folded[at - 1] === " ")
      found.push(places(columns, at, wanted.length));
  }
  return found;
}

function places(columns: Columns, at: number, length: number): Place[] {
  const first = lastBefore(columns.foldedAt, at);
  const last = lastBefore(columns.foldedAt, at + length - 1);
  return Array.from({ length: last - first + 1 }, (_, index) => placeOf(columns, first + index));
}

/** The row and the word in it of a word of the whole call. */
export function placeOf(columns: Columns, word: number): Place {
  const row = lastBefore(columns.firstWord, word);
  return { row, word: word - (columns.firstWord[row] ?? 0) };
}
