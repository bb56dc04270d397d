import type { InsightsBody, MetricsBody, SpeakerMetricsBody } from "../../src/api/types";

/** An answer with these parts, and no others. */
export function answer(parts: Partial<InsightsBody> = {}): InsightsBody {
  return { call_id: "c", revision: "r", failed_stages: [], ...parts };
}

const QUIET = {
  ...{ words: 0, words_per_minute: null, turns: 0, interruptions: 0, longest_monologue_s: 0 },
  ...{ response_median_s: null, response_p90_s: null, questions: null },
};

/** What was measured of one speaker, who but for that said nothing. */
export function measured(
  speaker: string,
  parts: Partial<SpeakerMetricsBody> = {},
): SpeakerMetricsBody {
  return { speaker, talk_s: 0, talk_share: 0, ...QUIET, ...parts };
}

/** What was measured of a call in which but for that nothing happened. */
export function metrics(parts: Partial<MetricsBody> = {}): MetricsBody {
  return {
    ...{ length_s: 0, talk_s: 0, silence_s: 0, silence_share: 0, longest_silence_s: 0 },
    ...{ talk_over_s: 0, hold_s: 0, holds: 0, speakers: [], ...QUIET, ...parts },
  };
}
