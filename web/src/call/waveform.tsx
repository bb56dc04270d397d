import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { callPath, get } from "../api/http";
import { ApiError } from "../api/problem";
import type { Waveform } from "../api/types";
import type { Player } from "./player";

const HEIGHT_PX = 56;
const TRY_AGAIN_MS = 5000;

/** The recording's loudness, to be seen and clicked; the slider below it says the same in words. */
export function WaveformView({ callId, player }: { callId: string; player: Player }) {
  const box = useRef<HTMLDivElement>(null);
  const peaks = useSignal<Waveform | null>(null);
  const missing = useSignal(false);
  const version = player.version.value;
  useEffect(() => {
    missing.value = false;
    const leaving = new AbortController();
    asked(callId, leaving.signal).then(
      (waveform) => {
        peaks.value = waveform;
      },
      () => {
        missing.value = !leaving.signal.aborted; // there is still the slider
      },
    );
    return () => leaving.abort();
  }, [callId, peaks, missing, version]);
  useSignalEffect(() => {
    const waveform = peaks.value;
    const container = box.current;
    if (!waveform || !container) return;
    let destroy = () => {};
    let left = false;
    drawn(container, waveform, player).then(
      (end) => {
        if (left) end();
        else destroy = end;
      },
      () => {}, // the library could not be loaded; as above
    );
    return () => {
      left = true;
      destroy();
    };
  });
  return <div ref={box} class="waveform" hidden={missing.value} aria-hidden="true" />;
}

/** Asked for until it is there: it is measured when it is first wanted. Throws what will stay so. */
async function asked(callId: string, signal: AbortSignal): Promise<Waveform> {
  const path = callPath(callId, "/waveform");
  while (true) {
    try {
      return await get<Waveform>(path, { query: { points: 1600 }, signal });
    } catch (error) {
      if (!(error instanceof ApiError && error.retryable)) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, TRY_AGAIN_MS));
  }
}

/** The library comes when the first waveform does. */
async function drawn(container: HTMLElement, waveform: Waveform, player: Player) {
  const { default: WaveSurfer } = await import("wavesurfer.js");
  await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve))); // words first
  const nonce = document.querySelector<HTMLMetaElement>('meta[name="csp-nonce"]')?.content;
  const style = getComputedStyle(document.documentElement);
  const colour = (name: string) => resolved(style.getPropertyValue(name));
  const colours = (channel: number) => ({
    waveColor: colour("--line-strong"),
    progressColor: colour(`--channel-${channel % 2}`),
  });
  const several = waveform.channels.length > 1;
  const surfer = WaveSurfer.create({
    container,
    media: player.audio,
    peaks: waveform.channels,
    duration: waveform.length_s,
    height: several ? HEIGHT_PX / 2 : HEIGHT_PX,
    normalize: true,
    cursorColor: colour("--ink"),
    cursorWidth: 2,
    ...colours(0),
    ...(several ? { splitChannels: waveform.channels.map((_, channel) => colours(channel)) } : {}),
    ...(nonce ? { cspNonce: nonce } : {}),
  });
  surfer.on("interaction", (seconds) => player.seek(seconds));
  return () => surfer.destroy();
}

/** A token's colour as a canvas takes it: light-dark() is for style sheets only. */
function resolved(token: string): string {
  const probe = document.createElement("span");
  probe.style.color = token;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
