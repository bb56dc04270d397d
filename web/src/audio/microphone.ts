import { signal } from "@preact/signals";
import { Capture, soundContext } from "./capture";
import { microphoneError, soundError } from "./problems";
import type { AudioSource, End, OnAudio } from "./source";

export interface Device {
  id: string;
  label: string;
}

/** The microphones there are. Browsers name them only once one has been allowed. */
export const microphones = signal<Device[]>([]);

export async function listMicrophones(): Promise<void> {
  const devices = (await navigator.mediaDevices?.enumerateDevices().catch(() => [])) ?? [];
  microphones.value = devices
    .filter(({ kind, deviceId }) => kind === "audioinput" && deviceId !== "")
    .map(({ deviceId, label }, at) => ({ id: deviceId, label: label || `Microphone ${at + 1}` }));
}

navigator.mediaDevices?.addEventListener("devicechange", () => void listMicrophones());

export interface MicrophoneWish {
  deviceId?: string | undefined;
  channels: 1 | 2;
}

const SPEECH_RATE = 16_000;

/**
 * Open a microphone. The browser's echo cancellation, noise suppression and gain control stay off:
 * they are made for ears, and take words from a recogniser. Throws ApiError.
 */
export async function openMicrophone(wish: MicrophoneWish, onAudio: OnAudio): Promise<AudioSource> {
  if (!navigator.mediaDevices?.getUserMedia) throw soundError("insecure");
  const asked: MediaTrackConstraints = {
    channelCount: { ideal: wish.channels },
    echoCancellation: false,
    noiseSuppression: false,
    autoGainControl: false,
    ...(wish.deviceId ? { deviceId: { exact: wish.deviceId } } : {}),
  };
  let stream: MediaStream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: asked });
  } catch (error) {
    throw microphoneError(error);
  }
  void listMicrophones();
  try {
    return await captured(stream, wish.channels, onAudio);
  } catch (error) {
    for (const track of stream.getTracks()) track.stop();
    throw error;
  }
}

async function captured(
  stream: MediaStream,
  channels: 1 | 2,
  onAudio: OnAudio,
): Promise<AudioSource> {
  const [context, node] = connectable(stream);
  const capture = await Capture.on(context, onAudio);
  capture.node.channelCountMode = "explicit";
  const [track] = stream.getAudioTracks();
  const given = track?.getSettings().channelCount ?? 1;
  capture.node.channelCount = Math.min(channels, given);
  node.connect(capture.node);
  await context.resume();

  let end: (end: End) => void = () => {};
  const ended = new Promise<End>((resolve) => {
    end = resolve;
  });
  const close = async (why: End) => {
    for (const each of stream.getTracks()) each.stop();
    await capture.flush();
    await context.close();
    end(why);
  };
  track?.addEventListener("ended", () => void close("unplugged"));
  const label = track?.label || "Microphone";
  return { label, levels: capture.levels, ended, stop: () => void close("stopped") };
}

/** At the rate of speech where the browser converts (Chromium), at the device's where it refuses. */
function connectable(stream: MediaStream): [AudioContext, MediaStreamAudioSourceNode] {
  const context = soundContext(SPEECH_RATE);
  try {
    return [context, context.createMediaStreamSource(stream)];
  } catch {
    void context.close();
    const own = soundContext();
    return [own, own.createMediaStreamSource(stream)];
  }
}
