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
import { Uploads } from "./upload";
import { DropTarget, UploadList } from "./uploads-view";

/** All calls: what they are, where they stand, and what was said in them. */
export function CallsView({ query }: { query: URLSearchParams }) {
  const filters = useMemo(() => filtersOf(query), [query]);
  const list = useMemo(() => new CallList(), []);
  const searching = useMemo(() => new Searching(), []);
  const uploads = useMemo(() => new Uploads(() => void list.refresh()), [list]);
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
  useLeaveWarning(uploads);

  const isEmpty = list.loaded.value && list.calls.value.length === 0 && !isFiltered(filters);
  return (
    <DropTarget onFiles={(files) => uploads.add(files, "")}>
      <div class="calls">
        <h1 class="unseen">Calls</h1>
        <FilterBar filters={filters} onFiles={(files) => uploads.add(files, "")} />
        <UploadList uploads={uploads} />
        {list.problem.value && <Problem error={list.problem.value} />}
        {q.trim() !== "" ? (
          <Found searching={searching} />
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

function useLeaveWarning(uploads: Uploads): void {
  useEffect(() => {
    const warn = (event: BeforeUnloadEvent) => {
      if (uploads.underWay) event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => removeEventListener("beforeunload", warn);
  }, [uploads]);
}
