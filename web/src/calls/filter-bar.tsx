import { useSignal } from "@preact/signals";
import type { RefObject } from "preact";
import { useId, useMemo, useRef } from "preact/hooks";
import { replace } from "../router";
import { Icon } from "../ui/icon";
import { type Shortcut, useShortcuts } from "../ui/keys";
import { type Filters, filtersLink, isFiltered, NO_FILTERS, STATES } from "./filters";

const SOURCES = [
  ["live", "spoken live"],
  ["upload", "uploaded"],
  ["drop", "from the drop folder"],
] as const;

interface FilterProps {
  filters: Filters;
  onFiles: (files: FileList) => void;
}

/** Search, filters, upload. What is chosen stands in the address. */
export function FilterBar({ filters, onFiles }: FilterProps) {
  const search = useRef<HTMLInputElement>(null);
  const picker = useRef<HTMLInputElement>(null);
  useShortcuts(
    useMemo<Shortcut[]>(
      () => [
        { keys: ["/"], label: "/", does: "search", run: () => search.current?.focus() },
        { keys: ["u"], label: "u", does: "upload", run: () => picker.current?.click() },
      ],
      [],
    ),
  );
  const set = (change: Partial<Filters>) => replace(filtersLink({ ...filters, ...change }));
  return (
    <search class="filters">
      <label class="search grow">
        <span class="unseen">Search what was said</span>
        <Icon name="search" />
        <input
          ref={search}
          class="input"
          type="search"
          placeholder="Search what was said"
          value={filters.q}
          onInput={(event) => set({ q: event.currentTarget.value })}
        />
      </label>
      <Upload picker={picker} onFiles={onFiles} />
      <Narrow filters={filters} set={set} />
    </search>
  );
}

interface UploadProps {
  picker: RefObject<HTMLInputElement | null>;
  onFiles: (files: FileList) => void;
}

function Upload({ picker, onFiles }: UploadProps) {
  return (
    <>
      <input
        ref={picker}
        type="file"
        multiple
        class="unseen"
        accept="audio/*,video/*,.ulaw,.mkv"
        aria-label="Recordings to upload"
        tabIndex={-1}
        onChange={(event) => {
          if (event.currentTarget.files) onFiles(event.currentTarget.files);
          event.currentTarget.value = "";
        }}
      />
      <button type="button" class="button main" onClick={() => picker.current?.click()}>
        <Icon name="upload" /> Upload
      </button>
    </>
  );
}

interface NarrowProps {
  filters: Filters;
  set: (change: Partial<Filters>) => void;
}

function Narrow({ filters, set }: NarrowProps) {
  const open = useSignal(isFiltered(filters));
  const panel = useId();
  return (
    <>
      <button
        type="button"
        class="button"
        aria-expanded={open.value}
        aria-controls={panel}
        onClick={() => {
          open.value = !open.value;
        }}
      >
        Filter
      </button>
      <div class="row narrow" id={panel} hidden={!open.value}>
        <Choice
          name="State"
          value={filters.status}
          of={Object.entries(STATES)}
          set={(status) => set({ status })}
        />
        <Choice
          name="Source"
          value={filters.source}
          of={SOURCES}
          set={(source) => set({ source })}
        />
        <Day name="From" value={filters.from} set={(from) => set({ from })} />
        <Day name="To" value={filters.to} set={(to) => set({ to })} />
        <label class="field">
          Name holds
          <input
            value={filters.id}
            maxLength={128}
            onInput={(event) => set({ id: event.currentTarget.value })}
          />
        </label>
        <button
          type="button"
          class="button"
          disabled={!isFiltered(filters)}
          onClick={() => set({ ...NO_FILTERS, q: filters.q })}
        >
          Clear
        </button>
      </div>
    </>
  );
}

interface DayProps {
  name: string;
  value: string;
  set: (value: string) => void;
}

function Day({ name, value, set }: DayProps) {
  return (
    <label class="field">
      {name}
      <input type="date" value={value} onChange={(event) => set(event.currentTarget.value)} />
    </label>
  );
}

interface ChoiceProps {
  name: string;
  value: string;
  of: readonly (readonly [string, string])[];
  set: (value: string) => void;
}

function Choice({ name, value, of, set }: ChoiceProps) {
  return (
    <label class="field">
      {name}
      <select value={value} onChange={(event) => set(event.currentTarget.value)}>
        <option value="">any</option>
        {of.map(([each, words]) => (
          <option key={each} value={each}>
            {words}
          </option>
        ))}
      </select>
    </label>
  );
}
