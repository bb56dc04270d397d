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
