import { computed, type ReadonlySignal, signal } from "@preact/signals";
import type { Caption } from "../api/events";
import { follow, NO_FINALS } from "../api/follow";
import { asProblem, callPath, get, post, remove } from "../api/http";
import type { ApiError } from "../api/problem";
import type { Call, Job } from "../api/types";
import { NO_ROWS, type Place, type Rows } from "../transcript/rows";
import { type ReadTranscript, readDifference, readTranscript } from "../words/reader";
import { named, type Roles, rolesOf } from "../words/roles";
import { Table } from "../words/table";
import { Worth } from "../worth/found";
import { Player } from "./player";

export const VERSIONS = ["canonical", "draft", "difference"] as const;
export type Shown = (typeof VERSIONS)[number];

const WITHHELD = "redaction_unavailable";
const GONE = ["call_deleted", "call_not_found"];
const NO_PLACES: readonly Place[] = [];
const NO_ROLES: Roles = new Map();
const LOOK_AGAIN_MS = 30_000;
const LOOK_LIVE_MS = 10_000; // the draft grows
const TRY_AGAIN_MS = 3000;

/** One call on the page: what the server says of it, what of it is shown, and its sound. */
export class OpenCall {
  readonly call = signal<Call | null>(null);
  readonly problem = signal<ApiError | null>(null);
  /** It was deleted, here or elsewhere. */
  readonly gone = signal(false);
  readonly shown = signal<Shown>("canonical");
  readonly table = signal<Table | null>(null);
  readonly reading = signal(false);
  /** Words that differ, where the difference is shown. */
  readonly differing = signal({ added: 0, removed: 0 });
  /** Share of the recording that was transcribed again; null where nothing is under way. */
  readonly share = signal<number | null>(null);
  readonly player = signal<Player | null>(null);
  /** Why there is no canonical text to be shown: it could not be made safe. */
  readonly refused = signal<ApiError | null>(null);
  readonly worth: Worth;
  readonly rows: ReadonlySignal<Rows> = computed(() => this.table.value ?? NO_ROWS);
  readonly sounding: ReadonlySignal<readonly Place[]>;
  private wanted: Shown | undefined;
  private closed = false;
  private following = false;
  /** How the people of the canonical transcript are called, and of which one. */
  private roles = { revision: "", known: NO_ROLES };
  private end = () => {};
  private asked = 0;
  private timer: ReturnType<typeof setTimeout> | undefined;
  /** Whoever comes back to a tab sees the call as it is by now. */
  private readonly seen = () => {
    if (document.visibilityState === "visible") void this.look();
  };

  constructor(readonly callId: string) {
    this.worth = new Worth(callId);
    let before = NO_PLACES;
    this.sounding = computed(() => {
      const player = this.player.value;
      const table = this.table.value;
      if (!player || !table || (player.position.value === 0 && !player.playing.value)) {
        return NO_PLACES;
      }
      const places = table.soundingAt(player.position.value);
      if (!same(places, before)) before = places; // a word lasts many frames
      return before;
    });
  }

  /** Settles when there is something to see: the best version, or the one that is wanted. */
  async open(wanted?: Shown): Promise<void> {
    this.wanted = wanted;
    document.addEventListener("visibilitychange", this.seen);
    await this.look();
  }

  close(): void {
    this.closed = true;
    document.removeEventListener("visibilitychange", this.seen);
    clearTimeout(this.timer);
    this.end();
    this.worth.close();
    this.player.peek()?.close();
  }

  async show(shown: Shown): Promise<void> {
    this.shown.value = shown;
    const call = this.call.value;
    if (!call || !has(call, shown)) return;
    const number = ++this.asked;
    this.reading.value = true;
    try {
      const read = await this.read(shown, call);
      if (number !== this.asked || this.closed) return; // another version was asked for meanwhile
      const hand = shown === "draft" ? "draft" : "canonical";
      this.table.value = new Table(read.columns, hand, shown === "difference" ? "all" : "none");
      this.differing.value = read;
      this.refused.value = null;
    } catch (error) {
      if (asProblem(error).code === WITHHELD) this.refused.value = asProblem(error);
      else this.met(error);
    } finally {
      if (number === this.asked) this.reading.value = false;
    }
  }

  async retry(): Promise<void> {
    try {
      await post<Job>(callPath(this.callId, "/retry"));
      await this.look();
    } catch (error) {
      this.met(error);
    }
  }

  /** Whether it is gone now. */
  async remove(): Promise<boolean> {
    try {
      await remove(callPath(this.callId));
      return true;
    } catch (error) {
      this.met(error);
      return false;
    }
  }

  /** Something that the reader asked for went wrong. */
  met(error: unknown): void {
    if (this.closed) return;
    const problem = asProblem(error);
    if (GONE.includes(problem.code)) this.gone.value = true;
    this.problem.value = problem;
  }

  /** How does the call stand? Shows what there is to read, and looks again by itself. */
  private async look(): Promise<void> {
    clearTimeout(this.timer);
    const before = this.call.peek();
    const found = await this.refresh();
    const call = this.call.value;
    if (this.closed || this.gone.value) return;
    const againMs = call && grows(call) ? LOOK_LIVE_MS : LOOK_AGAIN_MS;
    this.timer = setTimeout(this.seen, found ? againMs : TRY_AGAIN_MS);
    if (!call) return;
    this.followOn(call);
    if (this.table.value) {
      if (before && grows(before) && this.shown.value === "draft") await this.readOn(call);
    } else if (!this.refused.value) await this.show(this.best(call));
  }

  /** What was said since the draft was read. It is not missed: the next look asks again. */
  private async readOn(call: Call): Promise<void> {
    const number = this.asked;
    const read = await this.read("draft", call).catch(() => null);
    if (!read || number !== this.asked || this.closed) return;
    if (read.columns.channel.length === this.table.value?.length) return;
    this.table.value = new Table(read.columns, "draft");
  }

  private best(call: Call): Shown {
    if (this.wanted && has(call, this.wanted)) return this.wanted;
    return call.canonical_revision ? "canonical" : "draft";
  }

  private async read(shown: Shown, call: Call): Promise<ReadTranscript> {
    if (shown === "difference") return readDifference(this.callId, "all");
    const read = await readTranscript(this.callId, shown);
    if (shown === "draft")
      return { ...read, columns: named(read.columns, await this.rolesIn(call)) };
    this.roles = { revision: read.columns.revision, known: rolesOf(read.columns) };
    return read;
  }

  /** A draft names channels. Who speaks on them only the canonical transcript says, which has most
   * often been read before it; where it cannot be read they stay channels. */
  private async rolesIn({ canonical_revision: revision, channels }: Call): Promise<Roles> {
    if (revision === null || !(channels > 1)) return NO_ROLES;
    if (this.roles.revision !== revision) {
      const read = await readTranscript(this.callId, "canonical").catch(() => null);
      if (!read) return NO_ROLES; // what fails now may be there the next time
      this.roles = { revision, known: rolesOf(read.columns) };
    }
    return this.roles.known;
  }

  private async refresh(): Promise<boolean> {
    try {
      const call = await get<Call>(callPath(this.callId));
      if (this.closed) return false;
      const before = this.call.peek()?.canonical_revision ?? null;
      this.call.value = call;
      this.problem.value = null;
      if (call.canonical_revision !== before) void this.player.peek()?.again();
      void this.worth.ask(call);
      if (call.has_recording && !this.player.peek()) {
        this.listenTo(new Player(this.callId, call.length_s ?? 0));
      }
      return true;
    } catch (error) {
      this.met(error);
      return false;
    }
  }

  private listenTo(player: Player): void {
    this.player.value = player;
    player.problem.subscribe((problem) => {
      if (problem) void this.refresh(); // is the call still there?
    });
    void player.open();
  }

  /** Its state as it changes. Its captions are not asked for: a running call has its own view. */
  private followOn({ status }: Call): void {
    if (this.following || status === "done" || status === "failed") return;
    this.following = true;
    const caption = (event: Caption) => void this.heard(event);
    const failed = (error: ApiError) => {
      this.following = false;
      this.met(error);
    };
    this.end = follow(this.callId, { caption, away: () => {}, failed }, null, NO_FINALS);
  }

  private async heard(event: Caption): Promise<void> {
    if (event.type === "done") await this.look(); // the draft stands
    if (event.type !== "status") return;
    const over = event.status === "done" || event.status === "failed";
    this.share.value = over ? null : event.total_s > 0 ? event.done_s / event.total_s : 0;
    if (!over) return;
    this.following = false;
    if ((await this.refresh()) && event.status === "done") await this.show("canonical");
  }
}

/** Whether the draft is still written: the captions may be behind when a call is over. */
function grows({ status, has_draft: hasDraft, ended_at: endedAt }: Call): boolean {
  return status === "live" || (hasDraft && endedAt === null && status !== "failed");
}

/** Whether a call has what a version shows. */
export function has(call: Call, shown: Shown): boolean {
  if (shown === "draft") return call.has_draft;
  return call.canonical_revision !== null && (shown === "canonical" || call.has_draft);
}

function same(one: readonly Place[], other: readonly Place[]): boolean {
  const alike = (place: Place, at: number) =>
    place.row === other[at]?.row && place.word === other[at]?.word;
  return one.length === other.length && one.every(alike);
}
