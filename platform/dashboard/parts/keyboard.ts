/** Where the keyboard is: what opens takes it, and gives it back when it closes. */
import type { RefObject } from 'preact';
import { useEffect, useRef } from 'preact/hooks';

/** The element is focused once it is there; whatever was focused before is again, once it is gone. */
export function useFocusWhileOpen(element: RefObject<HTMLElement | null>): void {
  // Asked while it is drawn: what had the focus may be hidden by then.
  const before = useRef(document.activeElement);
  useEffect(() => {
    element.current?.focus();
    // Once the drawing without it is done, and what was hidden is there again.
    return () => void setTimeout(() => focusIfThere(before.current));
  }, []);
}

function focusIfThere(element: Element | null): void {
  if (element instanceof HTMLElement && element.isConnected) element.focus();
}

/** For what is left with Escape. */
export function onEscape(leave: () => void): (event: KeyboardEvent) => void {
  return (event) => {
    if (event.key !== 'Escape') return;
    event.stopPropagation();
    leave();
  };
}
