import { describe, expect, it } from "vitest";
import type { Caption } from "../../src/api/events";
import { Captions } from "../../src/live/captions";

const partial = (utterance: number, text: string, channel = 0): Caption => {
  return { type: "partial", channel, utterance, start: utterance, end: utterance + 0.5, text };
};
const final = (event: number, utterance: number, text: string, channel = 0): Caption => ({
  ...{ type: "final", event, channel, utterance, start: utterance, end: utterance + 0.9, text },
  words: text.split(" ").map((word) => ({ text: word, start: utterance, end: utterance + 0.2 })),
});

function shown(captions: Captions): string[] {
  const rows = captions.rows.value;
  return Array.from({ length: rows.length }, (_, at) => {
    const { hand, words } = rows.at(at);
    return `${hand}: ${words.map(({ text }) => text).join(" ")}`;
  });
}

describe("Captions", () => {
  it("settle in their place", () => {
    const captions = new Captions();
    captions.heard(partial(0, "good"));
    captions.heard(partial(0, "hello", 1));
    const { key } = captions.rows.value.at(0);
    captions.heard(partial(0, "good morning"));
    captions.heard(final(1, 0, "good morning all"));
    expect(shown(captions)).toEqual(["draft: good morning all", "partial: hello"]);
    expect(captions.rows.value.at(0).key).toBe(key);
  });

  it("know which words of a partial stay, until it has its final", () => {
    const captions = new Captions();
    captions.heard(partial(0, "good"));
    expect(captions.rows.value.at(0).settled).toBe(0); // of a server that does not say
    captions.heard({ ...partial(0, "good morning al"), settled: 2 } as Caption);
    expect(captions.rows.value.at(0).settled).toBe(2);
    captions.heard(final(1, 0, "good morning all"));
    expect(captions.rows.value.at(0).settled).toBeUndefined();
  });

  it("do not go back to a partial that came too late", () => {
    const captions = new Captions();
    captions.heard(final(1, 0, "good morning"));
    captions.heard(partial(0, "good"));
    expect(shown(captions)).toEqual(["draft: good morning"]);
  });

  it("leave rows that did not change the same objects", () => {
    const captions = new Captions();
    captions.heard(final(1, 0, "one"));
    const row = captions.rows.value.at(0);
    const before = captions.rows.value;
    captions.heard(partial(1, "two"));
    expect(captions.rows.value).not.toBe(before);
    expect(captions.rows.value.at(0)).toBe(row);
  });

  it("know who speaks, and on how many channels", () => {
    const captions = new Captions();
    captions.heard({ type: "speech_started", channel: 1, utterance: 0, start: 0 });
    expect([...captions.speaking.value]).toEqual([1]);
    captions.heard(final(1, 0, "hello", 1));
    expect([...captions.speaking.value]).toEqual([]);
    expect(captions.channels.value).toBe(2);
  });

  it("keep an utterance that no engine could hear", () => {
    const captions = new Captions();
    captions.heard({ ...final(1, 0, ""), words: [], failed: true } as Caption);
    expect(captions.rows.value.at(0)).toMatchObject({ failed: true, words: [] });
  });

  it("take back what came to no words", () => {
    const captions = new Captions();
    captions.heard(final(1, 0, "one"));
    captions.heard({ type: "speech_started", channel: 0, utterance: 1, start: 3 });
    captions.heard(partial(1, "um"));
    captions.heard(final(2, 0, "two", 1));
    captions.heard({ type: "no_words", channel: 0, utterance: 1 });
    expect(shown(captions)).toEqual(["draft: one", "draft: two"]);
    expect([...captions.speaking.value]).toEqual([]);
    captions.heard(final(3, 2, "three"));
    captions.heard(partial(1, "hm", 1));
    captions.heard(final(4, 1, "four", 1)); // places hold after a row has gone
    expect(shown(captions)).toEqual(["draft: one", "draft: two", "draft: three", "draft: four"]);
  });

  it("stand in the order in which people began, where one channel is behind", () => {
    const captions = new Captions();
    captions.heard(final(1, 0, "hello"));
    captions.heard(final(2, 10, "and then"));
    captions.heard(partial(11, "yes", 1)); // at once, as people hear it
    const { source } = captions.rows.value;
    captions.heard(partial(5, "good", 2));
    const { key } = captions.rows.value.at(1);
    captions.heard(final(3, 5, "good morning", 2));
    captions.heard(final(4, 11, "yes please", 1));
    expect(shown(captions)).toEqual([
      ...["draft: hello", "draft: good morning", "draft: and then", "draft: yes please"],
    ]);
    expect(captions.rows.value.at(1).key).toBe(key);
    expect(captions.rows.value.source).not.toBe(source); // rows have moved
  });

  it("take it back also where nobody said so: a later one has words, or the call ends", () => {
    const captions = new Captions();
    captions.heard(partial(0, "um"));
    captions.heard(partial(0, "er", 1));
    captions.heard(partial(1, "good"));
    expect(shown(captions)).toEqual(["partial: er", "partial: good"]);
    captions.heard(final(1, 1, "hello", 1));
    expect(shown(captions)).toEqual(["partial: good", "draft: hello"]);
    captions.heard({ type: "done", call_id: "c", event: 1 });
    expect(shown(captions)).toEqual(["draft: hello"]);
  });

  it("hold an utterance in its place where the next one begins before its final", () => {
    const captions = new Captions();
    const begins = (utterance: number): Caption => {
      return { type: "speech_started", channel: 0, utterance, start: utterance };
    };
    captions.heard(partial(0, "a long monologue"));
    captions.heard(partial(0, "yes", 1));
    const { source } = captions.rows.value;
    captions.heard(begins(1)); // it was cut, and goes on
    expect(shown(captions)).toEqual(["partial: a long monologue", "partial: yes"]);
    captions.heard(final(1, 0, "a long monologue is"));
    expect(shown(captions)).toEqual(["draft: a long monologue is", "partial: yes"]);
    expect([...captions.speaking.value]).toEqual([0, 1]); // for the next one has begun
    captions.heard({ type: "no_words", channel: 0, utterance: 0 }); // of one that is settled
    expect(captions.rows.value.source).toBe(source);
    captions.heard({ type: "no_words", channel: 1, utterance: 0 });
    expect(captions.rows.value.source).not.toBe(source); // rows have moved
  });

  it("see scripts without spaces", () => {
    const captions = new Captions();
    captions.heard(final(1, 0, "今日は"));
    captions.heard(final(2, 1, "שלום"));
    expect([0, 1].map((at) => captions.rows.value.at(at).spaced)).toEqual([false, true]);
  });
});
