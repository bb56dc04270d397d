import { signal } from "@preact/signals";

const KEPT = 8; // a screen reader says what is added; what was said may go

const said = signal<readonly { text: string; number: number }[]>([]);
let count = 0;

/** Have a screen reader say something when it is done with what it says now. */
export function announce(text: string): void {
  count += 1;
  said.value = [...said.peek().slice(1 - KEPT), { text, number: count }];
}

/** What was said belongs to another view. */
export function hush(): void {
  said.value = [];
}

/** The page's polite live region; one, so that announcements do not talk over each other. */
export function Announcer() {
  return (
    <div class="unseen" role="log" aria-live="polite" aria-label="Announcements">
      {said.value.map(({ text, number }) => (
        <p key={number}>{text}</p>
      ))}
    </div>
  );
}
