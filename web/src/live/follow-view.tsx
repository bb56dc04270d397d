import { useComputed } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { callLink, link } from "../router";
import { Transcript } from "../transcript/transcript";
import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import { Notice, Problem } from "../ui/notice";
import { useNow } from "../ui/ticking";
import { Followed } from "./followed";
import "./live.css";
import { SecondNotice } from "./notices";
import { SpokenAloud } from "./spoken-aloud";

interface FollowProps {
  callId: string;
  query: URLSearchParams;
}

/** A call read along by others: through a link with a ticket, or with one's own key. */
export function FollowView({ callId, query }: FollowProps) {
  const ticket = query.get("ticket");
  const followed = useFollowed(callId, ticket);
  const rows = useComputed(() => {
    const telling = followed.second.value?.telling.value;
    return telling?.state === "done" ? telling.table : followed.captions.rows.value;
  });
  const error = followed.problem.value;
  return (
    <div class="conversation">
      <div class="status sheet">
        <h1 class="grow call-name">{callId}</h1>
        <a class="button" href={`${link(`screen/${callId}`)}?${query}`}>
          <Icon name="screen" /> Large type
        </a>
        {ticket === null && (
          <a class="button" href={callLink(callId)}>
            Open the call
          </a>
        )}
      </div>
      {error && <Problem error={error} />}
      {!error && followed.awaySince.value !== null && <Away since={followed.awaySince.value} />}
      {followed.second.value && (
        <SecondNotice second={followed.second.value} mayOpen={ticket === null} />
      )}
      {followed.captions.rows.value.length === 0 ? (
        !error && <p class="hush">Nothing has been said yet. Captions appear here as they come.</p>
      ) : (
        <Transcript rows={rows} channels={followed.captions.channels.value} following="end" />
      )}
      <SpokenAloud captions={followed.captions} />
    </div>
  );
}

export function useFollowed(callId: string, ticket: string | null): Followed {
  const followed = useMemo(() => new Followed(callId, ticket), [callId, ticket]);
  useEffect(() => () => followed.close(), [followed]);
  return followed;
}

function Away({ since }: { since: number }) {
  const now = useNow();
  if (now.value - since < 2000) return null;
  return (
    <Notice tone="warn" title={`No connection for ${clock((now.value - since) / 1000)}.`}>
      It is tried again and again; nothing will be missing.
    </Notice>
  );
}
