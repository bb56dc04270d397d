/** Below it the engine has begun, and nothing of what it has done is finished. */
const LEAST_SHARE = 0.05;

/** How much of a call is transcribed: 0 to 1, 0 while none of it is. It is counted in parts of half
 * a minute, so that at first there is no number worth a promise, and after the last word there is
 * still work on the words. */
export function ToldAgain({ share }: { share: number }) {
  const known = share >= LEAST_SHARE; // no number is a bar that only says that something is under way
  const said = share >= 1 ? "finishing" : known ? `${Math.round(100 * share)} %` : "just begun";
  return (
    <span class="told-again">
      <progress
        aria-label="Transcribing"
        aria-valuetext={said}
        value={known ? share : undefined}
        max={1}
      />
      <span aria-hidden="true">{said}</span>
    </span>
  );
}
