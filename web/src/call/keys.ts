import { useMemo } from "preact/hooks";
import { type Shortcut, useShortcuts } from "../ui/keys";
import type { Finding } from "./finding";
import { has, type OpenCall, VERSIONS } from "./open-call";

const STEP_S = 5;

/** The keys of a player, and those of a reader. */
export function useCallKeys(open: OpenCall, finding: Finding): void {
  useShortcuts(
    useMemo<Shortcut[]>(() => {
      const move = (by: number) => {
        const player = open.player.value;
        player?.seek(player.position.value + by);
      };
      const show = (event: KeyboardEvent) => {
        const version = VERSIONS[Number(event.key) - 1];
        if (version && open.call.value && has(open.call.value, version)) void open.show(version);
      };
      return [
        {
          keys: [" ", "k"],
          label: "space",
          does: "play, pause",
          run: () => open.player.value?.toggle(),
        },
        { keys: ["ArrowLeft"], label: "←", does: "5 seconds back", run: () => move(-STEP_S) },
        { keys: ["ArrowRight"], label: "→", does: "5 seconds on", run: () => move(STEP_S) },
        {
          keys: ["ArrowUp"],
          label: "↑",
          does: "what was said before",
          run: () => turned(open, -1),
        },
        { keys: ["ArrowDown"], label: "↓", does: "what was said next", run: () => turned(open, 1) },
        { keys: ["["], label: "[", does: "slower", run: () => open.player.value?.turnSpeed(-1) },
        { keys: ["]"], label: "]", does: "faster", run: () => open.player.value?.turnSpeed(1) },
        { keys: ["/"], label: "/", does: "find in this call", run: () => focusFind() },
        { keys: ["n"], label: "n", does: "next place", run: () => finding.turn(1) },
        { keys: ["N", "p"], label: "p", does: "place before", run: () => finding.turn(-1) },
        { keys: ["l"], label: "l", does: "listen to the place", run: () => listen(open, finding) },
        { keys: ["1", "2", "3"], label: "1 2 3", does: "canonical, draft, difference", run: show },
      ];
    }, [open, finding]),
  );
}

function listen(open: OpenCall, finding: Finding): void {
  const { value: place } = finding.shown;
  const word = place && open.table.value?.at(place.row).words[place.word];
  if (word) open.player.value?.from(word.start);
}

function focusFind(): void {
  document.querySelector<HTMLInputElement>("#find")?.focus();
}

/** From the segment that sounds to its neighbour. */
function turned(open: OpenCall, by: 1 | -1): void {
  const { value: table } = open.table;
  const { value: player } = open.player;
  if (!table || !player || table.length === 0) return;
  const row = table.rowAt(player.position.value + 0.01) + by;
  player.seek(table.at(Math.max(0, Math.min(row, table.length - 1))).start);
}
