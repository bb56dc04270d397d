import { describe, expect, it } from "vitest";
import { blockOf, counted, kindIn, spokenOf } from "../../src/words/removed";

describe("kindIn", () => {
  it.each([
    ["[PHONE]", "phone"],
    ["[PHONE-3f9a2c].", "phone"],
    ["[CARD_NUMBER]", "card_number"],
    ["[WITHHELD]", "withheld"],
    ["****,", "masked"],
    ["phone", null],
    ["[laughs]", null],
    ["[UNKNOWN]", null],
    ["**", null],
  ])("%s is %s", (text, kind) => {
    expect(kindIn(text)).toBe(kind);
  });
});

it("says what was removed, and never what it was", () => {
  expect(blockOf("phone", "[PHONE-3f9a2c]")).toEqual({ label: "phone number", tag: "3f9a2c" });
  expect(blockOf("card_number", "****")).toEqual({ label: "card number", tag: "" });
  expect(blockOf("masked", "****").label).toBe("removed");
  expect(spokenOf("cvv")).toBe("card security code, removed");
  expect(spokenOf("shoe_size")).toBe("shoe size, removed");
});

it("counts by kind", () => {
  expect(counted("date_of_birth", 1)).toBe("1 date of birth");
  expect(counted("address", 2)).toBe("2 addresses");
  expect(counted("shoe_size", 2)).toBe("2 shoe size");
});
