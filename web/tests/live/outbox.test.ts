import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Outbox } from "../../src/live/outbox";

const piece = (value: number, samples = 4) => new Int16Array(samples).fill(value);

function seqOf(message: Uint8Array): number {
  return new DataView(message.buffer).getUint32(0, true);
}

function drained(outbox: Outbox): number[] {
  const seqs: number[] = [];
  for (let next = outbox.take(); next; next = outbox.take()) seqs.push(seqOf(next));
  return seqs;
}

describe("Outbox", () => {
  it("numbers messages from 0 and keeps them until they are acknowledged", () => {
    const outbox = new Outbox();
    for (const value of [1, 2, 3]) outbox.push(piece(value));
    expect(drained(outbox)).toEqual([0, 1, 2]);
    outbox.acknowledged(1);
    expect(outbox.keptBytes).toBe(8);
    outbox.resumeAt(2);
    expect(drained(outbox)).toEqual([2]);
    outbox.acknowledged(2);
    expect(outbox.isEmpty).toBe(true);
  });

  it("gives a server every sample once, however often the connection breaks", () => {
    const event = fc.oneof(
      fc.record({ do: fc.constant("push" as const) }),
      fc.record({ do: fc.constant("send" as const), count: fc.integer({ min: 1, max: 4 }) }),
      fc.record({ do: fc.constant("ack" as const) }),
      fc.record({ do: fc.constant("cut" as const), lost: fc.integer({ min: 0, max: 3 }) }),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        const outbox = new Outbox();
        const held: number[] = []; // what the server has on its disk
        let wire: Uint8Array[] = [];
        let pushed = 0;
        const arrive = (count: number) => {
          for (const message of wire.splice(0, count)) {
            if (seqOf(message) === held.length)
              held.push(new Int16Array(message.buffer, 4)[0] ?? -1);
          }
        };
        const cut = (lost: number) => {
          arrive(Math.max(0, wire.length - lost));
          wire = [];
          outbox.resumeAt(held.length);
        };
        for (const each of events) {
          if (each.do === "push") outbox.push(piece(pushed++));
          if (each.do === "send") {
            for (let n = 0; n < each.count; n += 1) {
              const message = outbox.take();
              if (message) wire.push(message);
            }
          }
          if (each.do === "ack") {
            arrive(wire.length);
            if (held.length > 0) outbox.acknowledged(held.length - 1);
          }
          if (each.do === "cut") cut(each.lost);
        }
        cut(99);
        for (let next = outbox.take(); next; next = outbox.take()) wire.push(next);
        arrive(wire.length);
        expect(held).toEqual(Array.from({ length: pushed }, (_, at) => at));
      }),
    );
  });

  it("takes no more than fits, and nothing of what does not", () => {
    const outbox = new Outbox(16);
    expect([outbox.push(piece(1)), outbox.push(piece(2)), outbox.push(piece(3))]).toEqual([
      true,
      true,
      false,
    ]);
    outbox.acknowledged(0);
    expect(outbox.push(piece(3))).toBe(true);
    expect(drained(outbox)).toEqual([1, 2]);
  });

  it("goes on in a call of its own from 0", () => {
    const outbox = new Outbox();
    for (const value of [1, 2, 3]) outbox.push(piece(value));
    drained(outbox);
    outbox.acknowledged(0);
    const fresh = outbox.renumbered();
    expect(fresh.keptBytes).toBe(16);
    expect(drained(fresh)).toEqual([0, 1]);
    fresh.push(piece(4));
    expect(drained(fresh)).toEqual([2]);
  });

  it("can be saved as WAV", async () => {
    const outbox = new Outbox();
    outbox.push(piece(7));
    const bytes = new DataView(await outbox.toWav(16_000, 2).arrayBuffer());
    const name = (at: number) => String.fromCharCode(...new Uint8Array(bytes.buffer, at, 4));
    expect([name(0), name(8), name(12), name(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
    expect(bytes.getUint16(22, true)).toBe(2);
    expect(bytes.getUint32(24, true)).toBe(16_000);
    expect(bytes.getUint32(28, true)).toBe(64_000);
    expect(bytes.getUint32(40, true)).toBe(8);
    expect(bytes.getUint32(4, true)).toBe(bytes.byteLength - 8);
    expect(bytes.getInt16(44, true)).toBe(7);
  });
});
