import type { ComponentChildren } from "preact";

interface NoticeProps {
  tone?: "plain" | "warn" | "bad";
  title: string;
  children?: ComponentChildren;
  /** Buttons at its end. */
  actions?: ComponentChildren;
}

/** Something that people should know. A bad one interrupts a screen reader, others wait. */
export function Notice({ tone = "plain", title, children, actions }: NoticeProps) {
  return (
    <div class={`notice ${tone}`} role={tone === "bad" ? "alert" : "status"}>
      <p class="grow">
        <strong>{title}</strong> {children}
      </p>
      {actions}
    </div>
  );
}

/** An error of the API in its own words: what is wrong, and what to do. */
export function Problem(props: {
  error: { message: string; hint: string };
  actions?: ComponentChildren;
}) {
  return (
    <Notice tone="bad" title={props.error.message} actions={props.actions}>
      {props.error.hint}
    </Notice>
  );
}
