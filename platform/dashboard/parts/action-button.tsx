/** A button that changes something: asks first where it cannot be taken back, and says what came of it. */
import { useSignal } from '@preact/signals';
import { useRef } from 'preact/hooks';
import { call } from '../api.ts';
import { onEscape, useFocusWhileOpen } from './keyboard.ts';

interface ActionProps {
  readonly method: string;
  readonly request: object;
  readonly label: string;
  /** Asked before it is done. */
  readonly confirm?: string;
  readonly onDone?: () => void;
}

export function ActionButton({ method, request, label, confirm, onDone }: ActionProps) {
  const state = useSignal<'idle' | 'asking' | 'busy'>('idle');
  const failure = useSignal('');
  const run = async (): Promise<void> => {
    state.value = 'busy';
    failure.value = '';
    try {
      await call(method, request);
      onDone?.();
    } catch (error) {
      failure.value = error instanceof Error ? error.message : String(error);
    }
    state.value = 'idle';
  };
  return (
    <span class="action">
      {state.value === 'asking' && (
        <Question
          label={label}
          text={confirm ?? ''}
          onSure={() => void run()}
          onCancel={() => (state.value = 'idle')}
        />
      )}
      <button
        type="button"
        hidden={state.value === 'asking'}
        disabled={state.value === 'busy'}
        onClick={() => {
          if (confirm) state.value = 'asking';
          else void run();
        }}
      >
        {state.value === 'busy' ? `${label}…` : label}
      </button>
      {failure.value && (
        <span class="failure" role="alert">
          {failure.value}
        </span>
      )}
    </span>
  );
}

interface QuestionProps {
  readonly label: string;
  readonly text: string;
  readonly onSure: () => void;
  readonly onCancel: () => void;
}

/** The keyboard is on "Cancel": a second Enter does nothing that cannot be taken back. */
function Question({ label, text, onSure, onCancel }: QuestionProps) {
  const cancel = useRef<HTMLButtonElement>(null);
  useFocusWhileOpen(cancel);
  return (
    <span class="asking" role="alertdialog" aria-label={label} onKeyDown={onEscape(onCancel)}>
      {text}
      <button type="button" class="sure" onClick={onSure}>
        {label}
      </button>
      <button type="button" ref={cancel} onClick={onCancel}>
        Cancel
      </button>
    </span>
  );
}
