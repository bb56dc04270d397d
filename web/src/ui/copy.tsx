import { useSignal } from "@preact/signals";
import { asProblem } from "../api/http";
import { announce } from "./announcer";
import { Icon, type IconName } from "./icon";

interface CopyProps {
  /** What is copied, made when it is asked for. */
  text: () => string | Promise<string>;
  label: string;
  icon?: IconName;
}

/** A button that copies, and says that it did or why it could not. */
export function CopyButton({ text, label, icon = "copy" }: CopyProps) {
  const told = useSignal<string | null>(null);
  const copy = async () => {
    told.value = await copied(text);
    announce(told.value);
    setTimeout(() => {
      told.value = null;
    }, SHOWN_MS);
  };
  return (
    <button type="button" class="button" onClick={copy}>
      <Icon name={told.value === COPIED ? "check" : icon} /> {told.value ?? label}
    </button>
  );
}

const SHOWN_MS = 2500;
const COPIED = "Copied";
const REFUSED = "The browser did not allow it";

async function copied(text: CopyProps["text"]): Promise<string> {
  const content = Promise.resolve(text());
  try {
    await written(content);
    return COPIED;
  } catch {
    return content.then(
      () => REFUSED,
      (error) => asProblem(error).message,
    );
  }
}

/** Browsers let a page copy at a click, and not a while after it: a text may come later. */
async function written(content: Promise<string>): Promise<void> {
  if (!navigator.clipboard) {
    if (!copiedByHand(await content)) throw new Error(REFUSED);
  } else if (typeof ClipboardItem === "undefined") {
    await navigator.clipboard.writeText(await content);
  } else {
    const blob = content.then((text) => new Blob([text], { type: "text/plain" }));
    blob.catch(() => {}); // where the browser refuses before it looks at it
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": blob })]);
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
