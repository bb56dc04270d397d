import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { Notice } from "./notice";

interface LazyProps<P> {
  load: () => Promise<ComponentType<P>>;
  props: P;
}

/** A view whose code comes when it is first shown. */
export function Lazy<P extends object>({ load, props }: LazyProps<P>) {
  const [view, setView] = useState<{ Component: ComponentType<P> } | null>(null);
  const [lost, setLost] = useState(false);
  useEffect(() => {
    let gone = false;
    load().then(
      (Component) => !gone && setView({ Component }),
      () => !gone && setLost(true),
    );
    return () => {
      gone = true;
    };
  }, [load]);
  if (lost) return <Lost />;
  return view && <view.Component {...props} />;
}

/** Mostly: the server was updated, and what this page was made of is no longer there. */
function Lost() {
  const reload = (
    <button type="button" class="button" onClick={() => location.reload()}>
      Load the page again
    </button>
  );
  return (
    <Notice tone="warn" title="A part of the page could not be loaded." actions={reload}>
      The server is away, or it was updated meanwhile.
    </Notice>
  );
}
