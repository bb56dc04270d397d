import { useSignal } from "@preact/signals";
import { announce } from "./announcer";
import { Icon, type IconName } from "./icon";

interface CopyProps {
  /** What is copied, made when it is asked for. */
  text: () => string | Promise<string>;
  label: string;
  icon?: IconName;
}

/** A button that copies, and says that it did or could not. */
export function CopyButton({ text, label, icon = "copy" }: CopyProps) {
  const told = useSignal<string | null>(null);
  const copy = async () => {
    told.value = (await copied(text)) ? "Copied" : "The browser did not allow it";
    announce(told.value);
    setTimeout(() => {
      told.value = null;
    }, 2500);
  };
  return (
    <button type="button" class="button" onClick={copy}>
      <Icon name={told.value === "Copied" ? "check" : icon} /> {told.value ?? label}
    </button>
  );
}

async function copied(text: CopyProps["text"]): Promise<boolean> {
  try {
    const content = await text();
    if (navigator.clipboard) await navigator.clipboard.writeText(content);
    else return copiedByHand(content);
    return true;
  } catch {
    return false;
  }
}

/** Where the page is not served over HTTPS there is no clipboard but this. */
function copiedByHand(content: string): boolean {
  const area = document.createElement("textarea");
  area.value = content;
  area.className = "unseen";
  document.body.append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  return done;
}
