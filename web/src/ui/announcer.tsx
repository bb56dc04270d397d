import { signal } from "@preact/signals";

const said = signal<{ text: string; number: number }>({ text: "", number: 0 });

/** Have a screen reader say something when it is done with what it says now. */
export function announce(text: string): void {
  said.value = { text, number: said.peek().number + 1 };
}

/** The page's polite live region; one, so that announcements do not talk over each other. */
export function Announcer() {
  return (
    <div class="unseen" role="status" aria-live="polite">
      <span key={said.value.number}>{said.value.text}</span>
    </div>
  );
}
