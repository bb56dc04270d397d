// Plays 16,000 Hz, 16 bit, mono PCM into a call at its real speed and prints the captions.
// Survives a lost connection and a restarted server.   node captions.mjs call.raw
// Node 22 or newer (Node 20: node --experimental-websocket); the same code runs in a browser.
import { readFileSync } from "node:fs";

const server = process.env.TWICETOLD_URL?.replace(/^http/, "ws") ?? "ws://127.0.0.1:8300";
const key = process.env.TWICETOLD_KEY;
const callId = process.argv[3] ?? `call-${Date.now()}`;
const sound = readFileSync(process.argv[2]);
const MESSAGE_BYTES = 6400; // 200 ms
const messages = Math.ceil(sound.length / MESSAGE_BYTES);

let session = null; // from the first `ready`; proves that the call is ours
let lastEvent = 0; // number of the last final that we have
let spoken = 0; // messages that have been spoken so far, connected or not
let over = false;
setInterval(() => { spoken = Math.min(spoken + 1, messages); }, 200);

function message(seq) {
  const audio = sound.subarray(seq * MESSAGE_BYTES, (seq + 1) * MESSAGE_BYTES);
  const bytes = new Uint8Array(4 + audio.length);
  new DataView(bytes.buffer).setUint32(0, seq, true); // little-endian
  bytes.set(audio, 4);
  return bytes;
}

function connect() {
  const query = new URLSearchParams({
    call_id: callId, language: "en", encoding: "pcm_s16le", sample_rate: "16000", channels: "1",
  });
  if (session) { query.set("session", session); query.set("event", String(lastEvent)); }
  const proofs = key ? ["twicetold.v1", `twicetold.key.${key}`] : [];
  const socket = new WebSocket(`${server}/v1/live?${query}`, proofs);
  let sending;

  function begin(seq) {
    let stopped = false;
    sending = setInterval(() => {
      while (seq < spoken) socket.send(message(seq++)); // after a break: all that was said meanwhile
      if (seq === messages && !stopped) { socket.send('{"type":"stop"}'); stopped = true; }
    }, 50);
  }

  socket.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    if (event.type === "ready") { session = event.session; begin(event.next_seq); }
    if (event.type === "final") { lastEvent = event.event; console.log(event.start, event.text); }
    if (event.type === "error") { console.error(event.code, event.message, event.hint); over = !event.retryable; }
    if (event.type === "done") over = true;
    // `ack {seq}`: what a microphone need not keep any longer. Here all is in a file.
  };
  let lost = false;
  socket.onclose = socket.onerror = () => {
    if (lost) return; // some WebSockets tell of a broken connection twice, some by one of the two
    lost = true;
    clearInterval(sending);
    if (over) process.exit();
    setTimeout(connect, 500);
  };
}
connect();
