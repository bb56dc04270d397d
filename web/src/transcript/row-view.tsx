import { Component } from "preact";
import { clock } from "../ui/format";
import { blockOf, spokenOf } from "../words/removed";
import { voiceClass } from "../words/voices";
import type { Row, Word } from "./rows";

export interface RowProps {
  row: Row;
  index: number;
  count: number;
  /** Who speaks, where another one spoke before. */
  name: string | null;
  /** Whether it is known who speaks: then the line has the speaker's colour. */
  attributed: boolean;
  unsureBelow: number;
  /** Whether words can be listened to. */
  playable: boolean;
  /** Takes the row's height. */
  measure: (element: HTMLElement | null) => void;
}

/** One row; drawn again only when it is another. */
export class RowView extends Component<RowProps> {
  override shouldComponentUpdate(next: RowProps): boolean {
    const names = Object.keys(next) as (keyof RowProps)[];
    return names.some((name) => next[name] !== this.props[name]);
  }

  override render(props: RowProps) {
    const { row, index, count, name, attributed, unsureBelow, playable, measure } = props;
    const time = clock(row.start);
    const whose = `channel-${row.channel % 2} ${attributed ? "attributed" : ""}`;
    return (
      <li
        ref={measure}
        class={`line ${row.hand} ${whose} ${voiceClass(row.voice)}`}
        data-index={index}
        data-row={index}
        aria-setsize={count}
        aria-posinset={index + 1}
      >
        <span class="when number">
          {playable ? (
            <button type="button" class="from" data-from aria-label={`Play from ${time}`}>
              {time}
            </button>
          ) : (
            time
          )}
        </span>
        <p class="said" dir="auto">
          {name !== null && <span class="who">{name} </span>}
          {row.failed ? (
            <Unheard />
          ) : (
            row.words.map((word, at) => spelled(word, at, row, unsureBelow))
          )}
        </p>
      </li>
    );
  }
}

function Unheard() {
  return <em>No engine could hear this; the second telling will try again.</em>;
}

function spelled(word: Word, at: number, row: Row, unsureBelow: number) {
  const unsure = word.probability !== null && word.probability < unsureBelow;
  const sure = unsure ? `${Math.round(100 * (word.probability ?? 0))} % sure` : undefined;
  const names = [unsure && "unsure", at < (row.settled ?? 0) && "stays"].filter(Boolean);
  const Mark = word.mark === "removed" ? "del" : word.mark === "added" ? "ins" : "span";
  return [
    <Mark key={at} data-word={at} class={names.join(" ") || undefined} title={sure}>
      {word.redacted ? <Removed kind={word.redacted} text={word.text} /> : word.text}
    </Mark>,
    row.spaced && " ",
  ];
}

/** What was removed, as a block that says what it was. */
function Removed({ kind, text }: { kind: string; text: string }) {
  const { label, tag } = blockOf(kind, text);
  return (
    <span class="removed" role="img" aria-label={spokenOf(kind)} title={spokenOf(kind)}>
      {label}
      {tag && <span class="tag"> {tag}</span>}
    </span>
  );
}
