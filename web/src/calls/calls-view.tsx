import { useEffect, useMemo } from "preact/hooks";
import { askServer } from "../api/server";
import { Confirm } from "../ui/confirm";
import { Problem } from "../ui/notice";
import { CallList } from "./call-list";
import "./calls.css";
import { DraftChart } from "./draft-chart";
import { EmptyCalls } from "./empty";
import { FilterBar } from "./filter-bar";
import { filtersOf, isFiltered } from "./filters";
import { Found } from "./found";
import { ListView } from "./list-view";
import { Searching } from "./searching";
import { uploads } from "./upload";
import { DropTarget, UploadList } from "./uploads-view";

/** All calls: what they are, where they stand, and what was said in them. */
export function CallsView({ query }: { query: URLSearchParams }) {
  const filters = useMemo(() => filtersOf(query), [query]);
  const list = useMemo(() => new CallList(), []);
  const searching = useMemo(() => new Searching(), []);
  const { q, ...shown } = filters;
  const asked = JSON.stringify(shown);
  useEffect(() => {
    void askServer();
    return () => {
      list.close();
      searching.close();
    };
  }, [list, searching]);
  useEffect(() => void list.show(filters), [list, asked]);
  useEffect(() => searching.ask(q), [searching, q]);
  const arrived = uploads.arrived.value;
  useEffect(() => {
    if (arrived > 0) void list.refresh();
  }, [list, arrived]);

  const isEmpty = list.loaded.value && list.calls.value.length === 0 && !isFiltered(filters);
  return (
    <DropTarget onFiles={(files) => uploads.add(files)}>
      <div class="calls">
        <h1 class="unseen">Calls</h1>
        <FilterBar filters={filters} onFiles={(files) => uploads.add(files)} />
        <UploadList uploads={uploads} />
        {list.problem.value && <Problem error={list.problem.value} />}
        {q.trim() !== "" ? (
          <Found searching={searching} filtered={isFiltered(filters)} />
        ) : isEmpty ? (
          <EmptyCalls />
        ) : (
          <>
            <DraftChart calls={list.calls.value} />
            <ListView list={list} filtered={isFiltered(filters)} />
          </>
        )}
        <Confirm />
      </div>
    </DropTarget>
  );
}
