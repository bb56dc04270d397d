import { effect, signal } from "@preact/signals";
import { Capture, soundContext } from "./capture";
import { soundError } from "./problems";
import type { AudioSource, End, OnAudio } from "./source";

const SPEECH_RATE = 16_000;
const MOST_CHANNELS = 2; // of more, a film's, the browser mixes two: speech is in the middle one

/**
 * Play a file at its real speed, as if it were happening now. It is streamed by the browser's own
 * player: hours of it take no more memory than seconds. Throws ApiError.
 */
export async function openFile(
  file: File,
  audible: boolean,
  onAudio: OnAudio,
): Promise<AudioSource> {
  const playing = new PlayedFile(file, audible);
  try {
    await playing.load();
    return await playing.begin(onAudio);
  } catch (error) {
    await playing.release();
    throw error;
  }
}

class PlayedFile {
  private readonly context = soundContext(SPEECH_RATE);
  private readonly player: HTMLAudioElement;
  private readonly audible = signal(false);
  private silence = () => {};

  constructor(
    private readonly file: File,
    audible: boolean,
  ) {
    this.audible.value = audible;
    this.player = new Audio(URL.createObjectURL(file));
  }

  /** Throws where the browser cannot play it. */
  load(): Promise<void> {
    const { player } = this;
    return new Promise((resolve, reject) => {
      player.onloadedmetadata = () => resolve();
      player.onerror = () => reject(soundError("unplayable"));
      player.load();
    });
  }

  async begin(onAudio: OnAudio): Promise<AudioSource> {
    const { context, player, audible } = this;
    const capture = await Capture.on(context, onAudio);
    this.connect(capture);
    const position = signal(0);
    player.ontimeupdate = () => {
      position.value = player.currentTime;
    };
    const { promise: ended, resolve: end } = deferred<End>();
    const close = async (why: End) => {
      await capture.flush();
      await this.release();
      end(why);
    };
    player.onended = () => void close("over");
    player.onerror = () => void close("broken");
    await context.resume();
    await player.play().catch(() => {
      throw soundError("unplayable");
    });
    return {
      label: this.file.name,
      levels: capture.levels,
      ended,
      file: { position, lengthS: player.duration, audible },
      stop: () => void close("stopped"),
    };
  }

  async release(): Promise<void> {
    this.silence();
    this.player.onerror = null;
    this.player.pause();
    URL.revokeObjectURL(this.player.src);
    if (this.context.state !== "closed") await this.context.close();
  }

  private connect({ node }: Capture): void {
    node.channelCountMode = "clamped-max"; // as many as the file has
    node.channelCount = MOST_CHANNELS;
    const source = this.context.createMediaElementSource(this.player);
    const volume = this.context.createGain();
    source.connect(node);
    source.connect(volume).connect(this.context.destination);
    this.silence = effect(() => {
      volume.gain.value = this.audible.value ? 1 : 0;
    });
  }
}

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  const promise = new Promise<T>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
