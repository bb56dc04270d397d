/** How much of a call is transcribed again: 0 to 1, 0 while none of it is. */
export function ToldAgain({ share }: { share: number }) {
  const known = share > 0; // no number is a bar that only says that something is under way
  const said = `${Math.round(100 * share)} %`;
  return (
    <span class="told-again">
      <progress
        aria-label="Transcribing again"
        aria-valuetext={known ? said : undefined}
        value={known ? share : undefined}
        max={1}
      />
      {known && <span aria-hidden="true">{said}</span>}
    </span>
  );
}
