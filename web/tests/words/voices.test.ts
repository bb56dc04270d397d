import { describe, expect, it } from "vitest";
import { columnsOf, type TimedSegment } from "../../src/words/columns";
import { Table } from "../../src/words/table";
import { nameOf, speakerName, voiceClass, voiceOf, voicesOf } from "../../src/words/voices";
import { segment } from "./making";

function spoken(...who: (readonly [string | null, number])[]) {
  const segments = who.map(([speaker, channel], at): TimedSegment => {
    return { ...segment("well then", at, channel), speaker };
  });
  return columnsOf(segments, "canonical", "r");
}

describe("voicesOf", () => {
  it("keeps the channel's colour for who has a channel to himself, whoever speaks first", () => {
    expect(voicesOf(spoken(["customer", 1], ["agent", 0]))).toEqual([1, 0]);
  });

  it("gives those of one channel colours in the order in which they speak", () => {
    expect(voicesOf(spoken(["2", 0], ["1", 0], ["3", 0], ["2", 0]))).toEqual([0, 1, 2]);
  });

  it("gives nobody the colour of a channel that somebody else has to himself", () => {
    expect(voicesOf(spoken(["a", 0], ["b", 0], ["agent", 1]))).toEqual([0, 2, 1]);
    expect(voicesOf(spoken(["a", 0], ["a", 1], ["b", 1]))).toEqual([0, 1]);
  });
});

describe("the colour of a row", () => {
  const voices = (...who: Parameters<typeof spoken>) => {
    const table = new Table(spoken(...who), "canonical");
    return who.map((_, row) => table.at(row).voice);
  };

  it("is the channel's where nobody is told apart", () => {
    expect(voices([null, 0], [null, 1])).toEqual([0, 1]);
    expect(voices([null, 0])).toEqual([0]);
  });

  it("is nobody's where others of the channel are told apart", () => {
    expect(voices(["1", 0], [null, 0])).toEqual([0, -1]);
  });
});

it("has a class for each colour and one for none", () => {
  expect([-1, 0, 7, 8].map(voiceClass)).toEqual(["voice-none", "voice-0", "voice-7", "voice-0"]);
});

it("calls speakers as people do", () => {
  const labels = ["agent", "2", "sales_lead", "Anna", "channel 1"];
  expect(labels.map((label) => speakerName(label))).toEqual([
    ...["Agent", "Speaker 2", "Sales lead", "Anna", "Channel 2"],
  ]);
  expect(nameOf({ speaker: null, channel: 1 }, 2)).toBe("Channel 2");
  expect(nameOf({ speaker: null, channel: 0 }, 1)).toBe("Somebody");
});

it("knows the colour of who is only named", () => {
  const of = (label: string) => voiceOf(label, ["customer", "agent"], [1, 0]);
  expect(["agent", "channel 1", "else"].map(of)).toEqual([0, 1, -1]);
});
