export function FollowView({ callId, query }: { callId: string; query: URLSearchParams }) {
  return <h1 data-query={String(query)}>{callId}</h1>;
}
