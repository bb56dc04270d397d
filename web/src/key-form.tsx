import { useSignal } from "@preact/signals";
import { asProblem, get } from "./api/http";
import { key, setKey } from "./api/key";
import type { ApiError } from "./api/problem";
import type { Tenant } from "./api/types";
import { Problem } from "./ui/notice";

/** Asks for the tenant's key where the server wants one, and tries it before it is kept. */
export function KeyForm() {
  const problem = useSignal<ApiError | null>(null);
  const busy = useSignal(false);
  const refused = key.value !== null;

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    const before = key.peek();
    busy.value = true;
    key.value = String(fields.get("key")).trim();
    try {
      await get<Tenant>("v1/tenant");
      setKey(key.value, fields.get("remember") !== null);
    } catch (error) {
      key.value = before;
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  }

  return (
    <form class="empty sheet" onSubmit={submit}>
      <h1>{refused ? "This key is no longer valid" : "This server asks for a key"}</h1>
      <p>
        Whoever runs it makes one with <code>twicetold tenants add NAME</code>. It says whose calls
        you see.
      </p>
      <label class="field">
        Key
        <input name="key" type="password" required autocomplete="current-password" size={36} />
      </label>
      <label class="row">
        <input name="remember" type="checkbox" /> Remember it in this browser
      </label>
      {problem.value && <Problem error={problem.value} />}
      <button type="submit" class="button main" disabled={busy.value}>
        Go on
      </button>
    </form>
  );
}
