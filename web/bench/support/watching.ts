import type { Page } from "@playwright/test";

/** What the page is watched by from its first moment on; read with `page.evaluate`. */
export interface Watched {
  /** Of each caption event: when it came (ms since the page began), and how long until painted. */
  captions: { at: number; took: number }[];
  /** Frames that took over 50 ms (Long Animation Frames API). */
  slow: { at: number; took: number; script: string }[];
  /** The longest time between two frames, since it was last set to 0. */
  longest: number;
}

declare global {
  interface Window {
    watched: Watched;
  }
}

/**
 * Notes when captions arrive and when the frame that shows them has been handed to the compositor:
 * the first task after the next animation frame's callbacks, style, layout and paint.
 */
export async function watch(page: Page): Promise<void> {
  await page.addInitScript(() => {
    const watched: Watched = { captions: [], slow: [], longest: 0 };
    window.watched = watched;
    const painted = (then: () => void) =>
      requestAnimationFrame(() => {
        const channel = new MessageChannel();
        channel.port1.onmessage = then;
        channel.port2.postMessage(null);
      });
    const came = () => {
      const at = performance.now();
      painted(() => watched.captions.push({ at, took: performance.now() - at }));
    };
    const RealSocket = WebSocket;
    window.WebSocket = class extends RealSocket {
      constructor(...wish: ConstructorParameters<typeof RealSocket>) {
        super(...wish);
        this.addEventListener("message", ({ data }) => {
          if (/"type": ?"(partial|final)"/.test(data)) came();
        });
      }
    };
    const RealSource = EventSource;
    window.EventSource = class extends RealSource {
      constructor(...wish: ConstructorParameters<typeof RealSource>) {
        super(...wish);
        for (const name of ["partial", "final"]) this.addEventListener(name, came);
      }
    };
    new PerformanceObserver((list) => {
      for (const entry of list.getEntries()) {
        const { scripts = [] } = entry as PerformanceEntry & { scripts?: { invoker: string }[] };
        const script = scripts.map(({ invoker }) => invoker).join(", ");
        watched.slow.push({ at: entry.startTime, took: entry.duration, script });
      }
    }).observe({ type: "long-animation-frame", buffered: true });
    let before = performance.now();
    const frame = (now: number) => {
      watched.longest = Math.max(watched.longest, now - before);
      before = now;
      requestAnimationFrame(frame);
    };
    requestAnimationFrame(frame);
  });
}
