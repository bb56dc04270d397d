import type { ComponentChildren } from "preact";
import type { ApiError } from "../api/problem";
import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/notice";
import { type Player, SPEEDS } from "./player";
import { WaveformView } from "./waveform";

interface BarProps {
  callId: string;
  player: Player;
  /** Whether the canonical transcript, and the recording with it, is still to come. */
  coming: boolean;
  /** What is drawn under the waveform. */
  children?: ComponentChildren;
}

/** Play, seek, speed; the waveform above them. */
export function PlayerBar({ callId, player, coming, children }: BarProps) {
  const withheld = player.withheld.value;
  return (
    <section class="player sheet" aria-label="Recording">
      {withheld ? (
        <Withheld why={withheld} coming={coming} />
      ) : (
        <WaveformView callId={callId} player={player} />
      )}
      {children}
      {!withheld && <Controls player={player} />}
      {player.problem.value && <Problem error={player.problem.value} />}
    </section>
  );
}

function Controls({ player }: { player: Player }) {
  const playing = player.playing.value;
  return (
    <div class="row">
      <button
        type="button"
        class="button main bare"
        aria-label={playing ? "Pause" : "Play"}
        onClick={() => player.toggle()}
      >
        <Icon name={playing ? "pause" : "play"} />
      </button>
      <Seeking player={player} />
      <label class="speed">
        <span class="unseen">Speed</span>
        <select
          class="input"
          value={player.speed.value}
          onChange={(event) => player.setSpeed(Number(event.currentTarget.value))}
        >
          {SPEEDS.map((speed) => (
            <option key={speed} value={speed}>
              {speed} ×
            </option>
          ))}
        </select>
      </label>
    </div>
  );
}

const NOT_YET = {
  message: "This recording cannot be heard yet.",
  hint: "Personal data is removed from it with the canonical transcript; it is here as soon as that is.",
};

/** Nobody has done anything wrong: there is only nothing to be heard, for now or for good. */
function Withheld({ why, coming }: { why: ApiError; coming: boolean }) {
  const { message, hint } = coming ? NOT_YET : why;
  return (
    <p class="withheld" role="status">
      <strong>{message}</strong> {hint}
    </p>
  );
}

/** Moves with every frame while it plays, alone. */
function Seeking({ player }: { player: Player }) {
  const seconds = Math.floor(player.position.value * 10) / 10;
  const length = player.lengthS.value;
  return (
    <>
      <span class="number">{clock(seconds)}</span>
      <input
        class="grow"
        type="range"
        min={0}
        max={length}
        step={0.1}
        value={seconds}
        aria-label="Position"
        aria-valuetext={`${clock(seconds)} of ${clock(length)}`}
        onInput={(event) => player.seek(Number(event.currentTarget.value))}
      />
      <span class="number quiet">{clock(length)}</span>
    </>
  );
}
