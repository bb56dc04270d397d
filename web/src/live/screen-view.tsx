export function ScreenView({ callId, query }: { callId: string; query: URLSearchParams }) {
  return <h1 data-query={String(query)}>{callId}</h1>;
}
