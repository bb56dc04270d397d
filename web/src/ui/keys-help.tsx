import { useMemo, useRef } from "preact/hooks";
import { Icon } from "./icon";
import { type Shortcut, setSingleKeys, shortcuts, singleKeys, useShortcuts } from "./keys";

/** The button and the dialog that tell which keys do what, here and now. */
export function KeysHelp() {
  const dialog = useRef<HTMLDialogElement>(null);
  const open = () => dialog.current?.showModal();
  useShortcuts(
    useMemo<Shortcut[]>(() => [{ keys: ["?"], label: "?", does: "show the keys", run: open }], []),
  );
  return (
    <>
      <button
        type="button"
        class="button bare wide-only"
        aria-label="Keys"
        title="Keys (?)"
        onClick={open}
      >
        <Icon name="keyboard" />
      </button>
      <dialog ref={dialog} aria-labelledby="keys-title">
        <div class="stack">
          <h2 id="keys-title">Keys</h2>
          <table class="keys">
            <tbody>
              {shortcuts.value.map(({ label, does }) => (
                <tr key={label + does}>
                  <th scope="row">
                    <kbd>{label}</kbd>
                  </th>
                  <td>{does}</td>
                </tr>
              ))}
            </tbody>
          </table>
          <label class="row">
            <input
              type="checkbox"
              checked={singleKeys.value}
              onChange={(event) => setSingleKeys(event.currentTarget.checked)}
            />
            Single letters and signs do something
          </label>
          <form method="dialog">
            <button type="submit" class="button">
              Close
            </button>
          </form>
        </div>
      </dialog>
    </>
  );
}
