export function CallsView({ query }: { query: URLSearchParams }) {
  return <h1 data-query={String(query)}>Calls</h1>;
}
