import { type Signal, useSignal } from "@preact/signals";
import { useMemo } from "preact/hooks";
import { Icon } from "../ui/icon";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { storedSetting, storeSetting } from "../ui/settings";

const NAME = "twicetold.insights";
const ROOM = "(min-width: 64.01rem) and (min-height: 36.01rem)";

/** Whether insights stand beside the transcript: as was chosen last, else where there is room. */
export function useWorthShown(): Signal<boolean> {
  const stored = storedSetting(NAME);
  const hasRoom = matchMedia(ROOM).matches;
  return useSignal(hasRoom && stored !== "off");
}

export function WorthButton({ shown }: { shown: Signal<boolean> }) {
  const turn = () => {
    shown.value = !shown.peek();
    if (matchMedia(ROOM).matches) storeSetting(NAME, shown.value ? null : "off");
  };
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [{ keys: ["i"], label: "i", does: "insights, or more room", run: turn }],
      [],
    ),
  );
  return (
    <button
      type="button"
      class="button"
      aria-expanded={shown.value}
      aria-controls="worth"
      onClick={turn}
    >
      <Icon name="insights" /> Insights
    </button>
  );
}
