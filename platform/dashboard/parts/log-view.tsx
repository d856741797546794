/** A function's log as it is written; it stays at the newest line until its reader scrolls up. */
import { useSignal } from '@preact/signals';
import { useEffect, useLayoutEffect, useRef } from 'preact/hooks';
import type { LogsResponse } from '#proto';
import { listen } from '../api.ts';
import { momentText } from '../format.ts';

const linesMax = 500;
/** A burst of lines is drawn once. */
const drawEveryMs = 200;
const sinceMs = 10 * 60_000;
const levels = ['debug', 'info', 'warn', 'error'] as const;

export function LogView({ name }: { readonly name: string }) {
  const lines = useSignal<readonly LogsResponse[]>([]);
  const level = useSignal<string>('debug');
  const box = useRef<HTMLDivElement>(null);
  const isAtEnd = useRef(true);

  useEffect(() => {
    let waiting: LogsResponse[] = [];
    let timer: ReturnType<typeof setTimeout> | undefined;
    lines.value = [];
    const draw = (): void => {
      timer = undefined;
      lines.value = [...lines.value, ...waiting].slice(-linesMax);
      waiting = [];
    };
    const request = { function: name, follow: true, sinceMs: Date.now() - sinceMs, level: level.value };
    const stop = listen<LogsResponse>('Logs', request, {
      // A line that opens anew begins anew.
      onLine: (up) => {
        if (!up) lines.value = [];
      },
      onMessage: (line) => {
        waiting.push(line);
        if (waiting.length > linesMax) waiting.shift();
        timer ??= setTimeout(draw, drawEveryMs);
      },
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [name, level.value]);

  useLayoutEffect(() => {
    if (box.current && isAtEnd.current) box.current.scrollTop = box.current.scrollHeight;
  });

  const scrolled = (): void => {
    const element = box.current;
    if (element) isAtEnd.current = element.scrollHeight - element.scrollTop - element.clientHeight < 24;
  };
  return (
    <>
      <label class="quiet">
        Level{' '}
        <select value={level.value} onChange={(event) => (level.value = event.currentTarget.value)}>
          {levels.map((each) => (
            <option key={each}>{each}</option>
          ))}
        </select>
      </label>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached with the keyboard. */}
      <div class="log" ref={box} onScroll={scrolled} tabIndex={0} role="log" aria-label={`Log of ${name}`}>
        {lines.value.length === 0 && <p class="quiet">No lines in the last ten minutes.</p>}
        {lines.value.map((line, at) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: lines have no name, and only go at the top.
          <div key={at} class={`row ${line.level}`}>
            <time>{momentText(line.timeMs)}</time>
            <span class="level">{line.level}</span>
            <span class="quiet">
              {line.node}/{line.instance}
            </span>
            <span class="text">{line.message}</span>
          </div>
        ))}
      </div>
    </>
  );
}
