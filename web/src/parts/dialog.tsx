// A dialogue over the page: the browser's own, so focus stays in it and Escape leaves it.

import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

interface Props {
  readonly title: string;
  readonly close: () => void;
  readonly children: ComponentChildren;
}

export function Dialog({ title, close, children }: Props) {
  const element = useRef<HTMLDialogElement>(null);
  useEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} aria-label={title} onClose={close} onClick={(event) => event.target === element.current && close()}>
      <header>
        <h2>{title}</h2>
        <button type="button" class="quiet" aria-label="close" onClick={close}>
          ✕
        </button>
      </header>
      {children}
    </dialog>
  );
}
