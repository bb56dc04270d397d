import type { components } from "./schema";

/** The API's own types, generated from its OpenAPI description. Times: Unix seconds; lengths: s. */
export type Call = components["schemas"]["CallBody"];
export type Calls = components["schemas"]["CallsBody"];
export type Status = components["schemas"]["Status"];
export type Job = components["schemas"]["JobBody"];
export type Jobs = components["schemas"]["JobsBody"];
export type Hit = components["schemas"]["HitBody"];
export type Hits = components["schemas"]["HitsBody"];
export type Segment = components["schemas"]["SegmentBody"];
export type WordBody = components["schemas"]["WordBody"];
export type TranscriptBody = components["schemas"]["TranscriptBody"];
export type Problem = components["schemas"]["Problem"];
export type Tenant = components["schemas"]["TenantBody"];
export type Ticket = components["schemas"]["Ticket"];
export type Waveform = components["schemas"]["WaveformBody"];
export type InsightsBody = components["schemas"]["InsightsBody"];
export type RemovedBody = components["schemas"]["RemovedBody"];
export type MetricsBody = components["schemas"]["MetricsBody"];
export type SpeakerMetricsBody = components["schemas"]["SpeakerMetricsBody"];
export type SentimentBody = components["schemas"]["SentimentBody"];
export type RulesBody = components["schemas"]["RulesBody"];
export type LeadBody = components["schemas"]["LeadBody"];
