const HEAD_BYTES = 4;
const WAV_HEAD_BYTES = 44;

/** Kept at most: an hour of 16 kHz in one channel, ten minutes of 48 kHz in two. */
export const MOST_KEPT_BYTES = 120 * 1024 * 1024;

/**
 * Audio on its way: numbered messages, each kept until the server holds it on its disk.
 * A message is its number (4 bytes, little-endian) and interleaved 16 bit samples.
 */
export class Outbox {
  private messages: Uint8Array<ArrayBuffer>[] = [];
  /** Number of the first message that is kept, and of the next to be sent. */
  private first = 0;
  private next = 0;
  private bytes = 0;
  private held = 0;

  constructor(private readonly mostBytes = MOST_KEPT_BYTES) {}

  /** False where there is no room: nothing of it was taken. */
  push(pcm: Int16Array): boolean {
    if (this.bytes + pcm.byteLength > this.mostBytes) return false;
    const message = new Uint8Array(HEAD_BYTES + pcm.byteLength);
    new DataView(message.buffer).setUint32(0, this.first + this.messages.length, true);
    message.set(new Uint8Array(pcm.buffer, pcm.byteOffset, pcm.byteLength), HEAD_BYTES);
    this.messages.push(message);
    this.bytes += pcm.byteLength;
    return true;
  }

  /** The server holds everything before `seq`; what it does not hold is to be sent again. */
  resumeAt(seq: number): void {
    this.drop(seq);
    this.next = Math.max(seq, this.first);
  }

  /** The server holds everything up to and with `seq`. */
  acknowledged(seq: number): void {
    this.drop(seq + 1);
    this.next = Math.max(this.next, this.first);
  }

  /** The next message to be sent; null when all have been. */
  take(): Uint8Array<ArrayBuffer> | null {
    const message = this.messages[this.next - this.first];
    if (!message) return null;
    this.next += 1;
    return message;
  }

  get allSent(): boolean {
    return this.next === this.first + this.messages.length;
  }

  get isEmpty(): boolean {
    return this.messages.length === 0;
  }

  /** Bytes of audio that the server is not known to hold. */
  get keptBytes(): number {
    return this.bytes;
  }

  /** Bytes of audio that the server holds. */
  get heldBytes(): number {
    return this.held;
  }

  /** What is kept, numbered from 0, for a call of its own. */
  renumbered(): Outbox {
    const fresh = new Outbox(this.mostBytes);
    fresh.messages = this.messages;
    fresh.bytes = this.bytes;
    fresh.messages.forEach((message, seq) => {
      new DataView(message.buffer).setUint32(0, seq, true);
    });
    return fresh;
  }

  /** What is kept as a WAV file, for those who want to save it. */
  toWav(sampleRate: number, channels: number): Blob {
    const head = new DataView(new ArrayBuffer(WAV_HEAD_BYTES));
    const frame = 2 * channels;
    [0x52494646, 0x57415645, 0x666d7420, 0x64617461].forEach((name, at) => {
      head.setUint32([0, 8, 12, 36][at] ?? 0, name); // RIFF, WAVE, fmt, data
    });
    head.setUint32(4, WAV_HEAD_BYTES - 8 + this.bytes, true);
    head.setUint32(16, 16, true);
    head.setUint16(20, 1, true);
    head.setUint16(22, channels, true);
    head.setUint32(24, sampleRate, true);
    head.setUint32(28, sampleRate * frame, true);
    head.setUint16(32, frame, true);
    head.setUint16(34, 16, true);
    head.setUint32(40, this.bytes, true);
    const sound = this.messages.map((message) => message.subarray(HEAD_BYTES));
    return new Blob([head.buffer, ...sound], { type: "audio/wav" });
  }

  private drop(before: number): void {
    const count = Math.min(Math.max(0, before - this.first), this.messages.length);
    for (const message of this.messages.splice(0, count)) {
      this.bytes -= message.byteLength - HEAD_BYTES;
      this.held += message.byteLength - HEAD_BYTES;
    }
    this.first += count;
  }
}
