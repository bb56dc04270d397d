import { callLink } from "../router";
import { clock, moment } from "../ui/format";
import { Problem } from "../ui/notice";
import { byCall, pieces, type Searching } from "./searching";

/** What a search found, by call; each place leads to its second. */
export function Found({ searching, filtered }: { searching: Searching; filtered: boolean }) {
  const hits = searching.hits.value;
  const problem = searching.problem.value;
  if (problem && hits.length === 0) return <Problem error={problem} />;
  if (hits.length === 0) {
    return (
      <p class="hush" role="status">
        {searching.settled.value ? (
          <>
            Nobody said that. All words must be in one breath; <kbd>"…"</kbd> is a phrase,{" "}
            <kbd>refund*</kbd> the beginning of a word.
          </>
        ) : (
          "Searching…"
        )}
      </p>
    );
  }
  return (
    <div class="found-list" aria-busy={!searching.settled.value}>
      {filtered && (
        <p class="quiet small">Search looks through all calls; filters do not narrow it.</p>
      )}
      {[...byCall(hits)].map(([callId, places]) => (
        <section key={callId} class="sheet" aria-label={callId}>
          <h2>
            <a href={callLink(callId, { q: searching.query.value })}>{callId}</a>{" "}
            <span class="quiet small">{moment(places[0]?.started_at ?? 0)}</span>
          </h2>
          <ul>
            {places.map((hit) => (
              <li key={`${hit.version} ${hit.number} ${hit.channel}`}>
                <a
                  class={`place ${hit.version}`}
                  href={callLink(callId, { t: hit.start, q: searching.query.value })}
                >
                  <span class="number quiet small">{clock(hit.start)}</span>
                  <span dir="auto">
                    {pieces(hit.snippet).map(({ text, match }, at) =>
                      match ? <mark key={at}>{text}</mark> : text,
                    )}
                  </span>
                </a>
              </li>
            ))}
          </ul>
        </section>
      ))}
      {problem && <Problem error={problem} />}
      {searching.hasMore.value && (
        <button
          type="button"
          class="button"
          disabled={!searching.settled.value}
          onClick={() => void searching.more()}
        >
          More
        </button>
      )}
    </div>
  );
}
