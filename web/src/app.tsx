import { computed } from "@preact/signals";
import { Component, type ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { forgetKey, key, keyWanted } from "./api/key";
import { askAsGuest, server } from "./api/server";
import { KeyForm } from "./key-form";
import { link, type Route, route } from "./router";
import { Announcer, hush } from "./ui/announcer";
import { Icon } from "./ui/icon";
import { KeysHelp } from "./ui/keys-help";
import { Lazy } from "./ui/lazy";
import { Notice } from "./ui/notice";
import { runningCall } from "./ui/running-call";
import { ThemeButton } from "./ui/theme";

const name = computed(() => route.value.name);

/** Whoever came by a link, and has no key to go anywhere else with. */
const isGuest = computed(
  () =>
    "query" in route.value &&
    route.value.query.has("ticket") &&
    key.value === null &&
    server.value === null,
);

/** What the window is called. */
function titleOf(route: Route): string {
  if ("callId" in route) return route.callId;
  return { live: "Live", calls: "Calls", usage: "Usage", unknown: "Nothing here" }[route.name];
}

/** Screen readers begin to read a view that was opened; its name stands in the window's title. */
function useArrival(): void {
  const title = titleOf(route.value);
  const place = `${name.value} ${title}`;
  const arrived = useRef(place);
  useEffect(() => {
    document.title = `${title} · Twicetold`;
    if (arrived.current === place) return;
    arrived.current = place;
    hush();
    document.getElementById("view")?.focus({ preventScroll: true });
  }, [place, title]);
}

/** The frame of every view but the room's screen, which has the window to itself. */
export function App() {
  useArrival();
  useEffect(() => {
    if (isGuest.value) void askAsGuest();
  }, [isGuest.value]);
  if (name.value === "screen") {
    return (
      <Guard>
        <View route={route.value} />
      </Guard>
    );
  }
  return (
    <div class="frame">
      {/* biome-ignore lint/a11y/useValidAnchor: the hash holds the route, so the jump is made by hand */}
      <a class="skip" href="#view" onClick={skipToView}>
        Skip to the content
      </a>
      <header class="bar">
        <a class="wordmark" href={link("")} aria-label="Twicetold, start">
          Twice<b>told</b>
        </a>
        <nav aria-label="Views" hidden={isGuest.value}>
          <Tab to="" at={["live"]}>
            Live
          </Tab>
          <Tab to="calls" at={["calls", "call"]}>
            Calls
          </Tab>
          <Tab to="usage" at={["usage"]}>
            Usage
          </Tab>
        </nav>
        <span class="grow" />
        {runningCall.value && name.value !== "live" && (
          <a class="badge live" href={link("")}>
            call running
          </a>
        )}
        <KeysHelp />
        <ThemeButton />
        {key.value !== null && !keyWanted.value && <SignOut />}
      </header>
      <main class="view" id="view" tabIndex={-1}>
        <Guard>{keyWanted.value ? <KeyForm /> : <View route={route.value} />}</Guard>
      </main>
      <Announcer />
    </div>
  );
}

function Tab(props: { to: string; at: Route["name"][]; children: ComponentChildren }) {
  const here = props.at.includes(name.value);
  return (
    <a href={link(props.to)} aria-current={here ? "page" : undefined}>
      {props.children}
    </a>
  );
}

function SignOut() {
  const label = "Forget the key";
  return (
    <button
      type="button"
      class="button bare"
      aria-label={label}
      title={runningCall.value ? "End the call first" : label}
      disabled={runningCall.value}
      onClick={forgetKey}
    >
      <Icon name="leave" />
    </button>
  );
}

function skipToView(event: Event): void {
  event.preventDefault();
  document.getElementById("view")?.focus();
}

const live = () => import("./live/live-view").then((room) => room.LiveView);
const follow = () => import("./live/follow-view").then((room) => room.FollowView);
const screen = () => import("./live/screen-view").then((room) => room.ScreenView);
const calls = () => import("./calls/calls-view").then((room) => room.CallsView);
const usage = () => import("./usage/usage-view").then((room) => room.UsageView);
const call = () => import("./call/call-view").then((room) => room.CallView);

/** Each view is loaded when it is first opened. */
function View({ route }: { route: Route }) {
  switch (route.name) {
    case "live":
      return <Lazy key="live" load={live} props={{}} />;
    case "calls":
      return <Lazy key="calls" load={calls} props={{ query: route.query }} />;
    case "usage":
      return <Lazy key="usage" load={usage} props={{ query: route.query }} />;
    case "call":
      return <Lazy key={`call ${route.callId}`} load={call} props={route} />;
    case "follow":
      return <Lazy key={`follow ${route.callId}`} load={follow} props={route} />;
    case "screen":
      return <Lazy key={`screen ${route.callId}`} load={screen} props={route} />;
    case "unknown":
      return (
        <div class="stack">
          <h1>Nothing here</h1>
          <Notice tone="warn" title="There is nothing at this address.">
            <a href={link("")}>Talk</a>, or look at the <a href={link("calls")}>calls</a>.
          </Notice>
        </div>
      );
  }
}

/** A view that breaks says so, and leaves the rest of the page at work. */
class Guard extends Component<{ children: ComponentChildren }, { broken: boolean }> {
  override state = { broken: false };
  private readonly mend = () => this.setState({ broken: false });

  static override getDerivedStateFromError() {
    return { broken: true };
  }

  override componentDidMount() {
    addEventListener("hashchange", this.mend);
  }

  override componentWillUnmount() {
    removeEventListener("hashchange", this.mend);
  }

  override render() {
    if (!this.state.broken) return this.props.children;
    return (
      <Notice tone="bad" title="This view made a mistake.">
        Nothing is lost: the server keeps every call.{" "}
        <button type="button" class="button" onClick={() => location.reload()}>
          Load the page again
        </button>
      </Notice>
    );
  }
}
