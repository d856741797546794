/** A button that changes something: asks first where it cannot be taken back, and says what came of it. */
import { useSignal } from '@preact/signals';
import { call } from '../api.ts';

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
  if (state.value === 'asking') {
    return (
      <span class="asking" role="alertdialog" aria-label={label}>
        {confirm}
        <button type="button" class="sure" onClick={() => void run()}>
          {label}
        </button>
        <button type="button" onClick={() => (state.value = 'idle')}>
          Cancel
        </button>
      </span>
    );
  }
  return (
    <span class="action">
      <button
        type="button"
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
