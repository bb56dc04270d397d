import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

/** What is heavy to draw comes one frame after what is around it, so that no frame is long. */
export function NextFrame({ children }: { children: ComponentChildren }): ComponentChildren {
  const [due, setDue] = useState(false);
  useEffect(() => {
    const frame = requestAnimationFrame(() => setTimeout(() => setDue(true)));
    return () => cancelAnimationFrame(frame);
  }, []);
  return due ? children : null;
}
