/* Drawn for this page on a grid of 24, stroke only. */
const PATHS = {
  keyboard: "M3 7h18v10H3zM7 10.5h.01M10.3 10.5h.01M13.7 10.5h.01M17 10.5h.01M8 14h8",
  light:
    "M12 8a4 4 0 1 0 0 8 4 4 0 0 0 0-8zM12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3 19 19M5 19l1.7-1.7M17.3 6.7 19 5",
  dark: "M20 14.5A8.5 8.5 0 0 1 9.5 4 8.5 8.5 0 1 0 20 14.5z",
  auto: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 3v18M12 8h4.5M12 12h5.5M12 16h4.5",
  microphone:
    "M12 3a3 3 0 0 0-3 3v5a3 3 0 0 0 6 0V6a3 3 0 0 0-3-3zM5.5 11a6.5 6.5 0 0 0 13 0M12 17.5V21",
  stop: "M7 7h10v10H7z",
  play: "M8 5.5v13l10.5-6.5z",
  pause: "M9 5.5v13M15 5.5v13",
  upload: "M12 16V4.5M7 9l5-4.8L17 9M4 16v4h16v-4",
  download: "M12 4v11.5M7 11l5 4.8 5-4.8M4 16.5v3.5h16v-3.5",
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.3 15.3 20.5 20.5",
  copy: "M9 9h11v11H9zM15 9V4H4v11h5",
  link: "M10 14a4 4 0 0 0 5.7 0l3.6-3.6a4 4 0 0 0-5.7-5.7l-1.3 1.3M14 10a4 4 0 0 0-5.7 0l-3.6 3.6a4 4 0 0 0 5.7 5.7l1.3-1.3",
  screen: "M3 4.5h18v12H3zM9 20.5h6M12 16.5v4",
  trash: "M4.5 6.5h15M9.5 6.5V4h5v2.5M6.5 6.5 7.5 20h9l1-13.5M10.3 10v6.5M13.7 10v6.5",
  retry: "M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4h-4",
  back: "M14.5 5.5 8 12l6.5 6.5",
  forward: "M9.5 5.5 16 12l-6.5 6.5",
  down: "M5.5 9.5 12 16l6.5-6.5",
  leave: "M14 4H5v16h9M10 12h10.5M17 8l4 4-4 4",
  close: "M6 6l12 12M18 6 6 18",
  file: "M6 3h8l4.5 4.5V21H6zM14 3v5h4.5",
  warning: "M12 4 2.8 20h18.4zM12 10v4.5M12 17.3h.01",
  insights: "M4 20V10M9.3 20V4M14.7 20v-7M20 20V7.5",
  alert:
    "M12 3.5a5.5 5.5 0 0 1 5.5 5.5c0 5 2 6.5 2 6.5h-15s2-1.5 2-6.5A5.5 5.5 0 0 1 12 3.5zM10 18.5a2 2 0 0 0 4 0",
  check: "M5 12.5l4.8 4.8L19.5 7",
} as const;

export type IconName = keyof typeof PATHS;

/** A picture beside words or in a labelled button; never alone in telling something. */
export function Icon({ name }: { name: IconName }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}
