/** Sentiment as people write it: "+0.4", "−0.2", "0.0". */
export function signed(value: number): string {
  const shown = Math.abs(value).toFixed(1);
  if (shown === "0.0") return shown;
  return `${value < 0 ? "−" : "+"}${shown}`;
}

/** The same in a word. */
export function moodWords(value: number): string {
  if (value >= 0.5) return "very good";
  if (value >= 0.15) return "good";
  if (value > -0.15) return "neutral";
  return value > -0.5 ? "bad" : "very bad";
}

/** Points for a score, or against it. */
export function points(value: number): string {
  const rounded = Math.round(10 * Math.abs(value)) / 10;
  return value < 0 ? `−${rounded}` : `+${rounded}`;
}
