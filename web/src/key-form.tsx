import { useSignal } from "@preact/signals";
import { asProblem, get } from "./api/http";
import { isSendable, key, setKey } from "./api/key";
import { ApiError } from "./api/problem";
import { server } from "./api/server";
import type { Tenant } from "./api/types";
import { Problem } from "./ui/notice";
import { runningCall } from "./ui/running-call";

/** Asks for the tenant's key where the server wants one, and tries it before it is used. */
export function KeyForm() {
  const problem = useSignal<ApiError | null>(null);
  const busy = useSignal(false);

  async function submit(event: SubmitEvent) {
    event.preventDefault();
    const fields = new FormData(event.target as HTMLFormElement);
    busy.value = true;
    problem.value = null;
    try {
      await take(String(fields.get("key")).trim(), fields.get("remember") !== null);
    } catch (error) {
      problem.value = asProblem(error);
    } finally {
      busy.value = false;
    }
  }

  return (
    <form class="empty sheet" onSubmit={submit}>
      <h1>{key.value === null ? "This server asks for a key" : "This key is no longer valid"}</h1>
      {runningCall.value && (
        <p>
          <strong>Your call goes on:</strong> its sound is kept here until there is a key.
        </p>
      )}
      <p>
        {key.value === null ? (
          <>
            Whoever runs it makes one with <code>twicetold tenants add NAME</code>. It says whose
            calls you see.
          </>
        ) : (
          "It was replaced or taken back: ask whoever runs the server for the new one."
        )}
      </p>
      <label class="field">
        Key
        <input
          name="key"
          type="password"
          required
          autocomplete="current-password"
          size={36}
          autofocus
        />
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

/** Throws ApiError unless the server takes it, for the tenant whose call this page is in. */
async function take(wanted: string, remember: boolean): Promise<void> {
  if (!isSendable(wanted)) throw noKey();
  const tenant = await get<Tenant>("v1/tenant", { key: wanted });
  const before = server.peek();
  const another = before !== null && before.tenant !== tenant.tenant;
  if (another && runningCall.peek()) throw anotherTenant(before.tenant);
  setKey(wanted, remember);
  if (another)
    location.reload(); // nothing of one tenant is left on the screen of another
  else server.value = tenant;
}

function noKey(): ApiError {
  return new ApiError({
    code: "no_key",
    message: "This is no key: it has characters that keys do not have.",
    hint: "Copy all of it, from the first letter to the last; keys begin with tt_.",
    retryable: true,
  });
}

function anotherTenant(name: string): ApiError {
  return new ApiError({
    code: "another_tenant",
    message: "This key is another tenant's than the running call's.",
    hint: `Give a key of ${name}. To give the call up instead, load the page again: what the server holds of it is kept.`,
    retryable: true,
  });
}
