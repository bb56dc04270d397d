import { effect, signal } from "@preact/signals";
import { Icon, type IconName } from "./icon";
import { storedSetting, storeSetting } from "./settings";

type Theme = "auto" | "light" | "dark";

const NAME = "twicetold.theme";
const NEXT: Record<Theme, Theme> = { auto: "light", light: "dark", dark: "auto" };
const WORDS: Record<Theme, string> = { auto: "as the system", light: "light", dark: "dark" };
const ICONS: Record<Theme, IconName> = { auto: "auto", light: "light", dark: "dark" };

const theme = signal<Theme>(stored());

effect(() => {
  if (theme.value === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme.value;
  storeSetting(NAME, theme.value);
});

export function ThemeButton() {
  const label = `Colours: ${WORDS[theme.value]}`;
  const turn = () => {
    theme.value = NEXT[theme.value];
  };
  return (
    <button type="button" class="button bare" aria-label={label} title={label} onClick={turn}>
      <Icon name={ICONS[theme.value]} />
    </button>
  );
}

function stored(): Theme {
  const value = storedSetting(NAME);
  return value === "light" || value === "dark" ? value : "auto";
}
