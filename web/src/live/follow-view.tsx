import { useEffect, useMemo } from "preact/hooks";
import { callLink, link } from "../router";
import { Transcript } from "../transcript/transcript";
import { Icon } from "../ui/icon";
import { Problem } from "../ui/notice";
import { AlertsAloud, AlertsView, usePointed } from "./alerts-view";
import { Followed } from "./followed";
import "./live.css";
import { AwayNotice, SecondNotice } from "./notices";
import { SpokenAloud } from "./spoken-aloud";

interface FollowProps {
  callId: string;
  query: URLSearchParams;
}

const QUIET_MS = 2000;

/** A call read along by others: through a link with a ticket, or with one's own key. */
export function FollowView({ callId, query }: FollowProps) {
  const ticket = query.get("ticket");
  const followed = useFollowed(callId, ticket);
  const pointed = usePointed(followed.rows);
  const error = followed.problem.value;
  const since = followed.awaySince.value;
  return (
    <div class="conversation">
      <div class="status sheet">
        <h1 class="grow call-name">{callId}</h1>
        <Stage followed={followed} />
        <a class="button wide-only" href={`${link(`screen/${callId}`)}?${query}`}>
          <Icon name="screen" /> Large type
        </a>
        {ticket === null && !followed.second.value && (
          <a class="button" href={callLink(callId)}>
            Open the call
          </a>
        )}
      </div>
      {error && <Problem error={error} />}
      {!error && since !== null && (
        <AwayNotice since={since} title="No connection" quietMs={QUIET_MS}>
          It is tried again and again; nothing will be missing.
        </AwayNotice>
      )}
      {followed.second.value && (
        <SecondNotice
          second={followed.second.value}
          mayOpen={ticket === null}
          silent={followed.rows.value.length === 0}
        />
      )}
      {followed.rows.value.length === 0 ? (
        !error &&
        !followed.second.value && (
          <p class="hush">Nothing has been said yet. Captions appear here as they come.</p>
        )
      ) : (
        <div class="talk">
          <Transcript
            rows={followed.rows}
            channels={followed.channels.value}
            language={followed.call.value?.language ?? null}
            shown={pointed.place}
            following="end"
          />
          <AlertsView alerts={followed.alerts.list.value} point={pointed.point} />
        </div>
      )}
      <AlertsAloud alerts={followed.alerts.list} told={followed.toldAlerts} />
      <SpokenAloud rows={followed.rows} told={followed.told} />
    </div>
  );
}

function Stage({ followed }: { followed: Followed }) {
  if (followed.second.value) return <span class="badge done">over</span>;
  if (followed.call.value?.status !== "live" || followed.problem.value) return null;
  return <span class="badge live">live</span>;
}

export function useFollowed(callId: string, ticket: string | null): Followed {
  const followed = useMemo(() => new Followed(callId, ticket), [callId, ticket]);
  useEffect(() => () => followed.close(), [followed]);
  return followed;
}
