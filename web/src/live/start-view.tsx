import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { tidied } from "../api/call-id";
import { server } from "../api/server";
import { link } from "../router";
import { Icon } from "../ui/icon";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { Problem } from "../ui/notice";
import { MicrophoneOptions } from "./microphone-options";
import { begin, opening, problem, type Wish } from "./running";

/** The first thing that people see: two ways in, and what will come of it. */
export function StartView() {
  const form = useRef<HTMLFormElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  const talk = (file?: File, audible?: boolean) => {
    const wish = wished(form.current);
    if (wish) void begin(wish, file, audible);
  };
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [
        { keys: ["m"], label: "m", does: "talk", run: () => talk() },
        { keys: ["o"], label: "o", does: "open a file", run: () => picker.current?.click() },
      ],
      [],
    ),
  );
  return (
    <div class="start">
      <h1>
        <span class="draft-hand">Told once while you speak,</span> told again when you are done.
      </h1>
      <p class="lead">
        Captions come as people talk, in pencil. When the call is over its recording is transcribed
        again, better, and the page is written over in ink.
      </p>
      {problem.value && <Problem error={problem.value} />}
      <form ref={form} class="ways" onSubmit={(event) => event.preventDefault()}>
        <section class="way sheet" aria-labelledby="talk">
          <h2 id="talk">With a microphone</h2>
          <MicrophoneChoice />
          <button type="button" class="button main" disabled={opening.value} onClick={() => talk()}>
            <Icon name="microphone" /> Talk
          </button>
        </section>
        <FileWay play={talk} picker={picker} />
        <More />
      </form>
      <p class="quiet">
        Finished recordings need no playing: drop them under <a href={link("calls")}>Calls</a>.
      </p>
    </div>
  );
}

function MicrophoneChoice() {
  return (
    <div class="row">
      <label class="field grow">
        Device
        <select name="device">
          <MicrophoneOptions />
        </select>
      </label>
      <label class="field">
        Channels
        <select name="channels">
          <option value="1">one</option>
          <option value="2">two, apart</option>
        </select>
      </label>
    </div>
  );
}

interface FileProps {
  play: (file: File, audible: boolean) => void;
  picker: { current: HTMLInputElement | null };
}

function FileWay(props: FileProps) {
  const over = useSignal(false);
  const audible = useSignal(true);
  const play = (file: File | undefined) => {
    if (file) props.play(file, audible.value);
  };
  const dropped = (event: DragEvent) => {
    event.preventDefault();
    over.value = false;
    play(event.dataTransfer?.files[0]);
  };
  return (
    <section
      class={`way sheet ${over.value ? "over" : ""}`}
      aria-labelledby="play"
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={dropped}
    >
      <h2 id="play">With a file, as if it were now</h2>
      <p class="quiet">Played at its real speed. Drop one here, or choose one.</p>
      <label class="row">
        <input
          type="checkbox"
          checked={audible.value}
          onChange={(event) => {
            audible.value = event.currentTarget.checked;
          }}
        />
        Hear it while it plays
      </label>
      <input
        ref={props.picker}
        class="unseen"
        type="file"
        accept="audio/*,video/*"
        aria-label="Recording to play"
        tabIndex={-1}
        onChange={(event) => {
          play(event.currentTarget.files?.[0]);
          event.currentTarget.value = "";
        }}
      />
      <button
        type="button"
        class="button"
        disabled={opening.value}
        onClick={() => props.picker.current?.click()}
      >
        <Icon name="file" /> Choose a file
      </button>
    </section>
  );
}

function More() {
  return (
    <details class="more">
      <summary>More</summary>
      <div class="row">
        <label class="field">
          Language
          <input
            name="language"
            placeholder={server.value?.language ?? "en"}
            size={8}
            pattern="auto|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*"
            title="Two or three small letters: en, de, pt-BR; or auto"
          />
        </label>
        <label class="field grow">
          Name of the call
          <input
            name="call"
            placeholder="one is made up"
            maxLength={128}
            title="Letters, digits, '.', '_' and '-'; used once"
            onChange={(event) => {
              event.currentTarget.value = tidied(event.currentTarget.value);
            }}
          />
        </label>
      </div>
    </details>
  );
}

/** Null where something is not as it must be, which the browser then says. */
function wished(form: HTMLFormElement | null): Wish | null {
  if (form && !form.checkValidity()) {
    const more = form.querySelector("details");
    if (more) more.open = true;
    form.reportValidity();
    return null;
  }
  const fields = form ? new FormData(form) : new FormData();
  const text = (name: string) => String(fields.get(name) ?? "").trim() || undefined;
  return {
    deviceId: text("device"),
    channels: text("channels") === "2" ? 2 : 1,
    language: text("language"),
    callId: tidied(text("call") ?? "") || undefined,
  };
}
