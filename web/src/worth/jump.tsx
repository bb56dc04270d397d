import { clock } from "../ui/format";

export type Jump = (seconds: number) => void;

interface TimesProps {
  times: readonly number[];
  /** What is found there, for those who hear the page. */
  of: string;
  jump: Jump;
}

const MOST = 6;

/** When something was said, each a way there. Where there are many, the first ones. */
export function Times({ times, of, jump }: TimesProps) {
  return (
    <span class="times number">
      {times.slice(0, MOST).map((at, index) => (
        <button
          key={index}
          type="button"
          class="time"
          aria-label={`${of} at ${clock(at)}`}
          onClick={() => jump(at)}
        >
          {clock(at)}
        </button>
      ))}
      {times.length > MOST && <span class="quiet">and {times.length - MOST} more</span>}
    </span>
  );
}
