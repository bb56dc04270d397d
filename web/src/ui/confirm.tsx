import { signal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";

interface Question {
  title: string;
  text: string;
  /** The word on the button that does it. */
  verb: string;
  /** The word on the one that does not. */
  keep: string;
  answer: (yes: boolean) => void;
}

const asked = signal<Question | null>(null);

/** Ask before something that cannot be undone. A view that asks shows <Confirm />. */
export function confirmed(question: Omit<Question, "answer">): Promise<boolean> {
  asked.peek()?.answer(false);
  return new Promise((resolve) => {
    asked.value = { ...question, answer: resolve };
  });
}

/** A view that is left takes its question with it. */
function leave(): void {
  asked.peek()?.answer(false);
  asked.value = null;
}

export function Confirm() {
  const dialog = useRef<HTMLDialogElement>(null);
  const question = asked.value;
  useEffect(() => {
    if (question) dialog.current?.showModal();
  }, [question]);
  useEffect(() => leave, []);
  if (!question) return null;
  const close = () => {
    question.answer(dialog.current?.returnValue === "yes");
    asked.value = null;
  };
  return (
    <dialog ref={dialog} onClose={close} aria-labelledby="question">
      <form method="dialog" class="stack">
        <h2 id="question">{question.title}</h2>
        <p>{question.text}</p>
        <div class="row">
          <button type="submit" class="button danger" value="yes">
            {question.verb}
          </button>
          <button type="submit" class="button" value="no" autofocus>
            {question.keep}
          </button>
        </div>
      </form>
    </dialog>
  );
}
