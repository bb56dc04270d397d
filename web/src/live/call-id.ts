/** An id for a call that begins now: when, and something that nobody else has. */
export function newCallId(now = new Date()): string {
  const [date = "", time = ""] = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, "").split("T");
  const tail = crypto.getRandomValues(new Uint16Array(1))[0] ?? 0;
  return `call-${date}-${time}-${tail.toString(36).padStart(4, "0")}`;
}

/** The id under which a call goes on that the server has closed: `x`, `x-2`, `x-3`. */
export function continuedId(callId: string): string {
  const [, base = callId, number = "1"] = /^(.*?)(?:-part-(\d+))?$/.exec(callId) ?? [];
  return `${base.slice(0, 118)}-part-${Number(number) + 1}`;
}
