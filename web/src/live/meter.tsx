import { useComputed, useSignalEffect } from "@preact/signals";
import { useRef } from "preact/hooks";
import type { Conversation } from "./running";

const FLOOR_DB = -60;

/** How loud each channel is, and whether somebody is heard to speak on it. */
export function Meter({ conversation }: { conversation: Conversation }) {
  const { captions } = conversation.part.value;
  const channels = useComputed(() => conversation.source.value?.levels.value.length ?? 0);
  const count = Math.max(1, channels.value);
  return (
    <span class="meters">
      {Array.from({ length: count }, (_, channel) => (
        <Level key={String(channel)} conversation={conversation} channel={channel} />
      ))}
      <span class="speaks quiet small">
        {captions.speaking.value.size > 0 ? "speech" : "silence"}
      </span>
    </span>
  );
}

/** Twenty times a second only a style changes: nothing is drawn again. */
function Level({ conversation, channel }: { conversation: Conversation; channel: number }) {
  const bar = useRef<HTMLSpanElement>(null);
  useSignalEffect(() => {
    const level = conversation.source.value?.levels.value[channel] ?? 0;
    const share = Math.max(0, 1 - (20 * Math.log10(Math.max(level, 1e-4))) / FLOOR_DB);
    bar.current?.style.setProperty("transform", `scaleX(${share.toFixed(3)})`);
  });
  return (
    <span class={`meter channel-${channel}`} aria-hidden="true">
      <span ref={bar} />
    </span>
  );
}
