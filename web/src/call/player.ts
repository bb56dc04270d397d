import { type ReadonlySignal, signal } from "@preact/signals";
import { freshTicket } from "../api/follow";
import { address, asProblem, callPath, exchange } from "../api/http";
import { ApiError } from "../api/problem";

/** Only what has been redacted may be heard, and it is not there, or not yet. */
const WITHHELD = new Set(["redaction_unavailable", "transcript_not_ready"]);
const TICKET_S = 14_400; // as long as somebody listens; another one is had when it has run out
export const SPEEDS = [0.5, 0.75, 1, 1.25, 1.5, 2, 3];

/** Plays a call's recording, which comes in ranges: an hour of it starts as soon as a minute. */
export class Player {
  readonly audio = new Audio();
  readonly playing = signal(false);
  /** Seconds of the recording; while it plays it follows the screen's own rhythm. */
  readonly position = signal(0);
  readonly lengthS: ReadonlySignal<number>;
  readonly speed = signal(1);
  readonly problem = signal<ApiError | null>(null);
  /** Why it may not be heard yet, or at all: personal data was not removed from it. */
  readonly withheld = signal<ApiError | null>(null);
  /** Counts how often another recording may have come: what is drawn of it is then drawn anew. */
  readonly version = signal(0);
  private frame = 0;
  private tried = 0;
  private opening: Promise<void> | null = null;

  constructor(
    private readonly callId: string,
    lengthS: number,
  ) {
    const known = signal(lengthS);
    this.lengthS = known;
    const { audio } = this;
    audio.preload = "metadata";
    audio.onplay = () => this.played(true);
    audio.onpause = () => this.played(false);
    audio.onended = () => this.played(false);
    audio.onseeked = () => this.tell();
    audio.onplaying = () => {
      this.tried = 0;
    };
    audio.ondurationchange = () => {
      if (Number.isFinite(audio.duration)) known.value = audio.duration;
    };
    audio.onerror = () => void this.failed();
  }

  /** Get a ticket and the beginning of the recording. */
  open(): Promise<void> {
    this.opening ??= this.opened();
    return this.opening;
  }

  /** The call has moved on: what was withheld may be there by now. */
  async again(): Promise<void> {
    if (!this.withheld.peek()) return;
    this.withheld.value = null;
    this.tried = 0;
    this.opening = null;
    await this.open();
    this.version.value += 1;
  }

  toggle(): void {
    if (this.playing.value) this.audio.pause();
    else void this.play();
  }

  async play(): Promise<void> {
    await this.open();
    await this.audio.play().catch(() => {}); // a reason comes with the error event
  }

  seek(seconds: number): void {
    const to = Math.max(0, Math.min(seconds, this.lengthS.value));
    this.audio.currentTime = to;
    this.position.value = to;
  }

  /** Listen from a second on. */
  from(seconds: number): void {
    this.seek(seconds);
    void this.play();
  }

  turnSpeed(by: 1 | -1): void {
    const at = SPEEDS.indexOf(this.speed.value) + by;
    this.setSpeed(SPEEDS[Math.max(0, Math.min(at, SPEEDS.length - 1))] ?? 1);
  }

  setSpeed(speed: number): void {
    this.speed.value = speed;
    this.audio.defaultPlaybackRate = this.audio.playbackRate = speed;
  }

  close(): void {
    cancelAnimationFrame(this.frame);
    this.audio.onerror = null;
    this.audio.pause();
    this.audio.removeAttribute("src");
    this.audio.load();
  }

  private async opened(): Promise<void> {
    try {
      const ticket = await freshTicket(this.callId, TICKET_S);
      this.audio.src = address(callPath(this.callId, "/audio"), { ticket }).href;
      this.audio.currentTime = this.position.value;
      this.problem.value = null;
    } catch (error) {
      this.problem.value = asProblem(error);
      this.opening = null;
    }
  }

  /** The ticket has run out, the network broke, or the browser cannot play what it got. */
  private async failed(): Promise<void> {
    const wasPlaying = this.playing.value;
    this.playing.value = false;
    cancelAnimationFrame(this.frame);
    this.opening = null;
    this.tried += 1;
    if (this.tried > 1) {
      const why = await this.refusal();
      if (why && WITHHELD.has(why.code)) this.withheld.value = why;
      else this.problem.value = why ?? unplayable();
      return;
    }
    await this.open();
    if (wasPlaying) await this.play();
  }

  /** What the server says of the recording: an audio element does not tell. Null: it has it. */
  private async refusal(): Promise<ApiError | null> {
    try {
      const headers = { Range: "bytes=0-0" };
      await (await exchange("GET", callPath(this.callId, "/audio"), { headers })).body?.cancel();
      return null;
    } catch (error) {
      return asProblem(error);
    }
  }

  private played(playing: boolean): void {
    this.playing.value = playing;
    cancelAnimationFrame(this.frame);
    if (playing) this.follow();
    else this.tell();
  }

  private follow(): void {
    this.tell();
    this.frame = requestAnimationFrame(() => this.follow());
  }

  private tell(): void {
    this.position.value = this.audio.currentTime;
  }
}

function unplayable(): ApiError {
  return new ApiError({
    code: "unplayable",
    message: "The browser cannot play this recording.",
    hint: "Download it to listen, or look whether the server still has it.",
    retryable: true,
  });
}
