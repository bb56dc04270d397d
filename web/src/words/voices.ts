import type { Columns } from "./columns";

/** So many speakers have a colour of their own; further ones begin again. */
export const COLOURS = 8;
/** Of somebody whom nobody has told apart from others. */
export const NOBODY = -1;

/**
 * The colour of each of a transcript's speakers, by their index. Who has a channel to himself has
 * the channel's, so that a call keeps its colours from its captions on; others have what is free.
 */
export function voicesOf({ channel, speaker, speakers }: Columns): number[] {
  const at = new Map<number, Set<number>>(); // a speaker's channels
  const on = new Map<number, Set<number>>(); // a channel's speakers
  for (let row = 0; row < channel.length; row += 1) {
    const [where, who] = [channel[row] ?? 0, speaker[row] ?? NOBODY];
    if (who === NOBODY) continue;
    at.set(who, (at.get(who) ?? new Set()).add(where));
    on.set(where, (on.get(where) ?? new Set()).add(who));
  }
  const own = speakers.map((_, who) => {
    const [where, ...others] = at.get(who) ?? [];
    return where !== undefined && others.length === 0 && on.get(where)?.size === 1 ? where : null;
  });
  const taken = new Set<number | null>(own);
  let next = 0;
  return own.map((channel) => {
    if (channel !== null) return channel;
    while (taken.has(next)) next += 1;
    taken.add(next);
    return next;
  });
}

const CHANNEL = /^channel (\d+)$/; // as the API calls whoever has no other name
const STRANGER = "Somebody";

/** How a speaker is called: `agent`, `sales_lead`, or a number as diarization gives it. */
export function speakerName(name: string): string {
  if (/^\d+$/.test(name)) return `Speaker ${name}`;
  const channel = CHANNEL.exec(name)?.[1];
  if (channel !== undefined) return channelName(Number(channel));
  const words = name.replaceAll("_", " ");
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** How somebody is called who may have no name but the channel's, if there are several. */
export function nameOf(
  { speaker, channel }: { speaker: string | null; channel: number },
  channels: number,
): string {
  if (speaker !== null) return speakerName(speaker);
  return channels > 1 ? channelName(channel) : STRANGER;
}

/** The colour of a speaker who is known by name only, as in what was measured of a call. */
export function voiceOf(
  label: string,
  speakers: readonly string[],
  voices: readonly number[],
): number {
  const known = voices[speakers.indexOf(label)];
  const channel = CHANNEL.exec(label)?.[1];
  return known ?? (channel === undefined ? NOBODY : Number(channel));
}

function channelName(channel: number): string {
  return `Channel ${channel + 1}`;
}

/** The class that has the colour as `--voice`. */
export function voiceClass(voice: number): string {
  return voice < 0 ? "voice-none" : `voice-${voice % COLOURS}`;
}
