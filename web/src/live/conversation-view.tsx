import { useMemo } from "preact/hooks";
import { server } from "../api/server";
import { Transcript } from "../transcript/transcript";
import { Confirm, confirmed } from "../ui/confirm";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { runningCall } from "../ui/running-call";
import { AlertsAloud, AlertsView, usePointed } from "./alerts-view";
import { ConnectionNotice, EndedNotice, SecondNotice } from "./notices";
import type { Conversation } from "./running";
import { SpokenAloud } from "./spoken-aloud";
import { StatusBar } from "./status-bar";

/** A call of this page: while it runs, and until its canonical transcript stands. */
export function ConversationView({ conversation }: { conversation: Conversation }) {
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [
        {
          keys: ["Escape"],
          label: "Esc",
          does: "end the call",
          run: () => void ended(conversation),
        },
      ],
      [conversation],
    ),
  );
  const pointed = usePointed(conversation.rows);
  const second = conversation.second.value;
  const failed = conversation.call.value?.state.value === "failed";
  const language = conversation.wish.language ?? server.value?.language ?? null;
  return (
    <div class="conversation">
      <h1 class="unseen">Live call</h1>
      <StatusBar conversation={conversation} />
      <ConnectionNotice conversation={conversation} />
      <EndedNotice conversation={conversation} />
      {second && <SecondNotice second={second} silent={conversation.rows.value.length === 0} />}
      {conversation.rows.value.length === 0 ? (
        !second && !failed && <p class="hush">Say something. What is heard appears here.</p>
      ) : (
        <div class="talk">
          <Transcript
            rows={conversation.rows}
            channels={conversation.channels.value}
            language={language}
            shown={pointed.place}
            following="end"
          />
          <AlertsView alerts={conversation.alerts.value} point={pointed.point} />
        </div>
      )}
      <AlertsAloud alerts={conversation.alerts} told={conversation.toldAlerts} />
      <SpokenAloud rows={conversation.rows} told={conversation.told} />
      <Confirm />
    </div>
  );
}

/** A key is pressed by mistake more easily than a button. */
async function ended(conversation: Conversation): Promise<void> {
  if (!runningCall.peek() || conversation.call.peek()?.ending.peek()) return;
  const sure = await confirmed({
    title: "End the call?",
    text: "Nothing more is recorded; its recording is transcribed again.",
    verb: "End it",
    keep: "Go on",
  });
  if (sure && runningCall.peek()) conversation.stop();
}
