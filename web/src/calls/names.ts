import { idOf, numbered } from "../api/call-id";
import { asProblem, callPath, get } from "../api/http";
import type { Call } from "../api/types";

const MOST_TRIED = 20;

type Named = Pick<File, "name" | "size" | "lastModified">;

/** Names for recordings, so that of many files of one name each becomes a call of its own. */
export class Names {
  /** Which file has which name. */
  private readonly given = new Map<string, string>();

  /** The file's own name, with a number where another file has it; the same for the same file. */
  first(file: Named): string {
    const base = idOf(file.name);
    for (let number = 1; ; number += 1) {
      const id = number === 1 ? base : numbered(base, number);
      if (this.give(id, file)) return id;
    }
  }

  /** Another one, where a call has or had the first: asked for, as a refusal costs an upload. */
  async other(file: Named): Promise<string> {
    const base = idOf(file.name);
    for (let number = 2; number <= MOST_TRIED; number += 1) {
      const id = numbered(base, number);
      if (!this.given.has(id) && (await isFree(id)) && this.give(id, file)) return id;
    }
    const id = numbered(base, crypto.getRandomValues(new Uint32Array(1))[0] ?? 0);
    this.give(id, file);
    return id;
  }

  private give(id: string, file: Named): boolean {
    const whose = `${file.name} ${file.size} ${file.lastModified}`;
    const has = this.given.get(id) ?? whose;
    if (has === whose) this.given.set(id, whose);
    return has === whose;
  }
}

/** Where that cannot be known the upload shows it. */
async function isFree(id: string): Promise<boolean> {
  try {
    await get<Call>(callPath(id));
    return false;
  } catch (error) {
    return asProblem(error).code !== "call_deleted";
  }
}
