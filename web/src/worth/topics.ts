import type { RulesBody } from "../api/types";

/** A rule that matched, and the seconds at which. */
export interface Match {
  rule: string;
  must: RulesBody["matches"][number]["must"];
  times: readonly number[];
}

/** A category of the tenant's rules with what matched in it. */
export interface Topic {
  name: string;
  matches: readonly Match[];
}

/** Categories in the rules' order; a rule's matches are one, with all their times. */
export function topicsOf({ categories, matches }: RulesBody): Topic[] {
  return categories.map((name) => {
    const rules = new Map<string, Match & { times: number[] }>();
    for (const { category, rule, must, start } of matches) {
      if (category !== name) continue;
      const key = `${must} ${rule}`;
      const match = rules.get(key) ?? { rule, must, times: [] };
      rules.set(key, match);
      match.times.push(start);
    }
    return { name, matches: [...rules.values()] };
  });
}
