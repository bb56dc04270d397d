import type { Columns } from "./columns";
import { NOBODY } from "./voices";

/** Who speaks on each channel, by its number: only who has the channel to himself. */
export type Roles = ReadonlyMap<number, string>;

/** As a transcript tells it whose speakers have names. */
export function rolesOf({ channel, speaker, speakers }: Columns): Roles {
  const found = new Map<number, string | null>();
  for (let row = 0; row < channel.length; row += 1) {
    const [where, who] = [channel[row] ?? 0, speakers[speaker[row] ?? NOBODY] ?? null];
    const other = found.has(where) && found.get(where) !== who;
    found.set(where, other ? null : who);
  }
  return new Map([...found].flatMap(([where, who]) => (who === null ? [] : [[where, who]])));
}

/** The same transcript with a name for whoever has none but that of a channel: a draft knows no
 * other, and its people are to be called as the canonical transcript calls them. */
export function named(columns: Columns, roles: Roles): Columns {
  const speakers = [...new Set([...columns.speakers, ...roles.values()])];
  const speaker = columns.speaker.map((who, row) => {
    const role = roles.get(columns.channel[row] ?? 0);
    return who === NOBODY && role !== undefined ? speakers.indexOf(role) : who;
  });
  return { ...columns, speakers, speaker };
}
