import { type ReadonlySignal, signal } from "@preact/signals";
import { Capture, soundContext } from "./capture";
import { soundError } from "./problems";
import type { AudioSource, End, OnAudio } from "./source";

const SPEECH_RATE = 16_000;

export interface PlayedFile extends AudioSource {
  /** Seconds played, and in all (NaN while unknown). */
  readonly position: ReadonlySignal<number>;
  readonly lengthS: number;
  setAudible(audible: boolean): void;
}

/**
 * Play a file at its real speed, as if it were happening now. It is streamed by the browser's own
 * player: hours of it take no more memory than seconds. Throws ApiError.
 */
export async function openFile(
  file: File,
  audible: boolean,
  onAudio: OnAudio,
): Promise<PlayedFile> {
  const context = soundContext(SPEECH_RATE);
  const player = new Audio(URL.createObjectURL(file));
  const release = async () => {
    player.pause();
    URL.revokeObjectURL(player.src);
    await context.close();
  };
  try {
    await loaded(player);
    return await played(file.name, player, context, audible, onAudio, release);
  } catch (error) {
    await release();
    throw error;
  }
}

function loaded(player: HTMLAudioElement): Promise<void> {
  return new Promise((resolve, reject) => {
    player.onloadedmetadata = () => resolve();
    player.onerror = () => reject(soundError("unplayable"));
    player.load();
  });
}

async function played(
  label: string,
  player: HTMLAudioElement,
  context: AudioContext,
  audible: boolean,
  onAudio: OnAudio,
  release: () => Promise<void>,
): Promise<PlayedFile> {
  const capture = await Capture.on(context, onAudio);
  capture.node.channelCountMode = "max"; // as many as the file has
  const node = context.createMediaElementSource(player);
  const volume = context.createGain();
  volume.gain.value = audible ? 1 : 0;
  node.connect(capture.node);
  node.connect(volume).connect(context.destination);

  const position = signal(0);
  player.ontimeupdate = () => {
    position.value = player.currentTime;
  };
  let end: (end: End) => void = () => {};
  const ended = new Promise<End>((resolve) => {
    end = resolve;
  });
  const close = async (why: End) => {
    await capture.flush();
    await release();
    end(why);
  };
  player.onended = () => void close("over");
  player.onerror = () => void close("over"); // damaged in the middle: what was played counts
  await context.resume();
  await player.play().catch(() => {
    throw soundError("unplayable");
  });
  const setAudible = (heard: boolean) => {
    volume.gain.value = heard ? 1 : 0;
  };
  const stop = () => void close("stopped");
  const { levels } = capture;
  return { label, levels, ended, position, lengthS: player.duration, setAudible, stop };
}
