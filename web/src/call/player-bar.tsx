import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/notice";
import { type Player, SPEEDS } from "./player";
import { WaveformView } from "./waveform";

/** Play, seek, speed; the waveform above them. */
export function PlayerBar({ callId, player }: { callId: string; player: Player }) {
  const playing = player.playing.value;
  return (
    <section class="player sheet" aria-label="Recording">
      <WaveformView callId={callId} player={player} />
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
      {player.problem.value && <Problem error={player.problem.value} />}
    </section>
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
