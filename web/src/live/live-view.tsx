import { useEffect } from "preact/hooks";
import { askServer } from "../api/server";
import { listMicrophones } from "../audio/microphone";
import { ConversationView } from "./conversation-view";
import "./live.css";
import { conversation } from "./running";
import { StartView } from "./start-view";

/** Talk, or play a file, and watch what was said. */
export function LiveView() {
  useEffect(() => {
    void askServer();
    void listMicrophones();
  }, []);
  const running = conversation.value;
  return running ? <ConversationView conversation={running} /> : <StartView />;
}
