const LONGEST_ID = 128;

/** An id for a call that begins now: when, and something that nobody else has. */
export function newCallId(now = new Date()): string {
  const [date = "", time = ""] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  const tail = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  return `call-${date}-${time}-${tail.toString(36).padStart(4, "0")}`;
}

/** The id under which a call goes on that the server has closed: `x`, `x-part-2`, `x-part-3`. */
export function continuedId(callId: string): string {
  const [, base = callId, number = "1"] = /^(.*?)(?:-part-(\d+))?$/.exec(callId) ?? [];
  return `${base.slice(0, 118)}-part-${Number(number) + 1}`;
}

/** A call id made of a file's name, whatever script that is in. */
export function idOf(fileName: string): string {
  return tidied(fileName.replace(/\.[A-Za-z0-9]{1,5}$/, "")) || `upload-${stamp(fileName)}`;
}

/** What a call can be called, near to what somebody has written; empty where nothing is left. */
export function tidied(name: string): string {
  const plain = name
    .normalize("NFKD")
    .replaceAll(/\p{M}/gu, "")
    .replaceAll(/[^A-Za-z0-9._-]+/g, "-");
  return plain
    .replace(/^[^A-Za-z0-9]+/, "")
    .slice(0, LONGEST_ID)
    .replace(/-+$/, "");
}

export function numbered(id: string, number: number): string {
  const tail = `-${number}`;
  return id.slice(0, LONGEST_ID - tail.length) + tail;
}

/** A short name for what has none in Latin letters; the same for the same name. */
function stamp(name: string): string {
  let hash = 7;
  for (const letter of name) hash = (hash * 31 + (letter.codePointAt(0) ?? 0)) % 2_147_483_647;
  return hash.toString(36);
}
