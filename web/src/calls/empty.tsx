import { link } from "../router";
import { Icon } from "../ui/icon";

/** What to do first. */
export function EmptyCalls() {
  return (
    <div class="empty">
      <h2>No calls yet</h2>
      <p>
        Talk, and watch your words appear; or drop recordings here: wav, mp3, flac, ogg, m4a, webm,
        and the sound of films. Each is transcribed and can then be searched, heard and read.
      </p>
      <div class="row">
        <a class="button main" href={link("")}>
          <Icon name="microphone" /> Talk
        </a>
      </div>
      <p class="quiet small">
        Programs send theirs with <code>curl -T call.wav …/v1/recordings/NAME</code>, or put them
        into the drop folder; the <a href="docs">API</a> says how.
      </p>
    </div>
  );
}
