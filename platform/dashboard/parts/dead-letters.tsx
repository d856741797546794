/** Events that failed for good: why, each of their tries, a look inside, and the way back. */
import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { DeadLetter, ListDeadLettersResponse } from '#proto';
import { call, listen } from '../api.ts';
import { bytesText, momentText } from '../format.ts';
import { may } from '../state.ts';
import { ActionButton } from './action-button.tsx';
import { onEscape, useFocusWhileOpen } from './keyboard.ts';

const shownMax = 50;
/** Of a payload, what is shown. */
const peekBytes = 2_048;

interface Opened {
  readonly letter: DeadLetter;
  /** base64 */
  readonly payload: string;
  readonly headers: Readonly<Record<string, string>>;
}

export function DeadLetters({ name, count }: { readonly name: string; readonly count: number }) {
  const letters = useSignal<readonly DeadLetter[]>([]);
  const opened = useSignal<Opened | undefined>(undefined);
  const failure = useSignal('');
  const load = (): (() => void) => {
    const found: DeadLetter[] = [];
    return listen<ListDeadLettersResponse>(
      'ListDeadLetters',
      { function: name, limit: shownMax },
      {
        onMessage: ({ letter }) => letter && found.push(letter),
        onEnd: (why) => {
          letters.value = found;
          failure.value = why;
        },
      },
    );
  };
  useEffect(load, [name, count]);
  const peek = async (letter: DeadLetter): Promise<void> => {
    try {
      opened.value = await call<Opened>('GetDeadLetter', { function: name, sequence: letter.sequence });
    } catch (error) {
      failure.value = error instanceof Error ? error.message : String(error);
    }
  };
  if (letters.value.length === 0) return <p class="quiet">{failure.value || 'None.'}</p>;
  const all = { function: name, sequences: [] };
  return (
    <>
      {may('RedriveDeadLetters') && (
        <p class="actions">
          <ActionButton
            method="RedriveDeadLetters"
            request={all}
            label="Give all back"
            confirm={`Give ${count} back to ${name}?`}
          />
          <ActionButton
            method="PurgeDeadLetters"
            request={all}
            label="Delete all"
            confirm={`Delete ${count} for good?`}
          />
        </p>
      )}
      <div class="scroll">
        <table class="letters cards">
          <tbody>
            {letters.value.map((letter) => (
              <tr key={letter.sequence}>
                <td class="num">{momentText(letter.timeMs)}</td>
                <td class="mono">{letter.subject}</td>
                <td class="whole">{letter.reason}</td>
                <td class="num">{letter.attempts.length === 1 ? '1 try' : `${letter.attempts.length} tries`}</td>
                <td>
                  <button type="button" onClick={() => void peek(letter)}>
                    Look
                  </button>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {opened.value && <Letter name={name} opened={opened.value} onClose={() => (opened.value = undefined)} />}
    </>
  );
}

function Letter({
  name,
  opened,
  onClose,
}: {
  readonly name: string;
  readonly opened: Opened;
  readonly onClose: () => void;
}) {
  const { letter, payload, headers } = opened;
  const box = useRef<HTMLDivElement>(null);
  useFocusWhileOpen(box);
  return (
    <div
      class="letter"
      role="dialog"
      aria-label={`Dead letter ${letter.sequence}`}
      ref={box}
      tabIndex={-1}
      onKeyDown={onEscape(onClose)}
    >
      <p>
        <b class="mono">{letter.subject}</b> {bytesText(letter.eventBytes)}, stored {momentText(letter.eventTimeMs)}
        {letter.redriven > 0 && `, given back ${letter.redriven === 1 ? 'once' : `${letter.redriven} times`} before`}
      </p>
      <dl>
        {Object.entries(headers).map(([key, value]) => (
          <div key={key}>
            <dt class="mono">{key}</dt>
            <dd class="mono">{value}</dd>
          </div>
        ))}
      </dl>
      <pre>{payloadText(payload)}</pre>
      {letter.attempts.map((attempt) => (
        <details key={attempt.timeMs}>
          <summary>
            {momentText(attempt.timeMs)} {attempt.node}/{attempt.instance} {attempt.error}
          </summary>
          <pre>{attempt.stack || 'no stack'}</pre>
        </details>
      ))}
      <p class="actions">
        {may('RedriveDeadLetters') && letter.redrivable && (
          <ActionButton
            method="RedriveDeadLetters"
            request={{ function: name, sequences: [letter.sequence] }}
            label="Give back"
            onDone={onClose}
          />
        )}
        <button type="button" onClick={onClose}>
          Close
        </button>
      </p>
    </div>
  );
}

/** Text where it is text, else bytes. */
function payloadText(base64: string): string {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0)).subarray(0, peekBytes);
  if (bytes.length === 0) return 'no payload';
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
  }
}
