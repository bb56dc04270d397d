import { bodyOf, listOf, numberOf, textOf } from "./reading";

/** What a rule says of a call: it was said, it was said and may not be, or it was not said. */
export type Must = "say" | "must_not_say" | "must_say";

/** A rule that matched, and the seconds at which. */
export interface Match {
  rule: string;
  must: Must;
  times: readonly number[];
}

/** A category of the tenant's rules with what matched in it. */
export interface Topic {
  name: string;
  matches: readonly Match[];
}

/** Categories with their matches in them, or their names beside a list of all matches. */
export function topicsOf(categories: unknown, matches: unknown): Topic[] {
  if (!Array.isArray(categories)) {
    const body = bodyOf(categories);
    if (!Array.isArray(body["categories"])) return [];
    return topicsOf(body["categories"], body["matches"]);
  }
  const topics = new Map<string, Map<string, Match & { times: number[] }>>();
  const found = (topic: string, value: unknown) => {
    const rules = topics.get(topic) ?? new Map();
    topics.set(topic, rules);
    if (value !== null) add(rules, topic, value);
  };
  for (const each of categories) {
    const name = textOf(each) ?? textOf(bodyOf(each)["name"]);
    if (name === null) continue;
    found(name, null);
    for (const match of listOf(bodyOf(each)["matches"])) found(name, match);
  }
  for (const match of listOf(matches)) {
    const topic = textOf(bodyOf(match)["category"]);
    if (topic !== null) found(topic, match);
  }
  return [...topics].map(([name, rules]) => ({ name, matches: [...rules.values()] }));
}

function add(rules: Map<string, Match & { times: number[] }>, topic: string, value: unknown): void {
  const body = bodyOf(value);
  const rule = textOf(body["rule"]) ?? topic;
  const must = mustOf(body["must"]);
  const key = `${must} ${rule}`;
  const match = rules.get(key) ?? { rule, must, times: [] };
  rules.set(key, match);
  const at = numberOf(body["start"]) ?? numberOf(body["at"]);
  if (at !== null) match.times.push(at);
}

function mustOf(value: unknown): Must {
  return value === "must_say" || value === "must_not_say" ? value : "say";
}
