import type { MetricsBody } from "../api/types";
import type { Table } from "../words/table";
import { speakerName, voiceClass, voiceOf } from "../words/voices";
import type { Sentiment } from "./insights";
import { callLines, speakerRows } from "./metrics";
import { moodWords, signed } from "./mood";

interface WhoProps {
  speaker: string;
  table: Table | null;
}

/** A speaker by name and colour, as in the transcript and the lanes. */
function Who({ speaker, table }: WhoProps) {
  const voice = table ? voiceOf(speaker, table.columns.speakers, table.voices) : -1;
  return <span class={`who-chip ${voiceClass(voice)}`}>{speakerName(speaker)}</span>;
}

interface MoodProps {
  sentiment: Sentiment;
  table: Table | null;
}

/** How the call went, as a whole and for each speaker. */
export function Moods({ sentiment, table }: MoodProps) {
  const { call, speakers, judge } = sentiment;
  return (
    <section aria-labelledby="worth-mood">
      <h2 id="worth-mood">Sentiment</h2>
      <table class="moods small">
        <tbody>
          {call !== null && <MoodRow name="The call" value={call} />}
          {speakers.map(([speaker, value]) => (
            <MoodRow key={speaker} name={<Who speaker={speaker} table={table} />} value={value} />
          ))}
        </tbody>
      </table>
      {judge && <p class="small quiet">From −1 to +1, as {judge} judges the words.</p>}
    </section>
  );
}

/** A bar from the middle: to the right it is good, to the left bad. */
function MoodRow({ name, value }: { name: preact.ComponentChildren; value: number }) {
  const side = value < 0 ? "worse" : "better";
  const half = `${50 * Math.abs(value)}%`;
  const from = value < 0 ? `${50 - 50 * Math.abs(value)}%` : "50%";
  return (
    <tr>
      <th scope="row">{name}</th>
      <td class="diverging" aria-hidden="true">
        <span class={side} style={{ inlineSize: half, insetInlineStart: from }} />
      </td>
      <td class="number">
        {signed(value)} <span class="quiet">{moodWords(value)}</span>
      </td>
    </tr>
  );
}

interface MeasuresProps {
  metrics: MetricsBody;
  table: Table | null;
}

/** How the conversation ran, for each speaker and as a whole. */
export function Measures({ metrics, table }: MeasuresProps) {
  const rows = speakerRows(metrics);
  return (
    <section aria-labelledby="worth-measures">
      <h2 id="worth-measures">Conversation</h2>
      {rows.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: with many speakers it scrolls
        <section class="measures" aria-label="Each speaker" tabIndex={0}>
          <table class="small number">
            <thead>
              <tr>
                <td />
                {metrics.speakers.map(({ speaker }) => (
                  <th key={speaker} scope="col">
                    <Who speaker={speaker} table={table} />
                  </th>
                ))}
              </tr>
            </thead>
            <tbody>
              {rows.map(({ name, cells }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  {cells.map((cell, at) => (
                    <td key={metrics.speakers[at]?.speaker}>{cell}</td>
                  ))}
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <dl class="facts-list small number">
        {callLines(metrics).map(({ name, words }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{words}</dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
