/** console.log and the like become log lines: a function's stdout is for what the platform does not see otherwise. */
import { inspect } from 'node:util';

export function captureConsole(write: (level: string, text: string) => void): void {
  const at =
    (level: string) =>
    (...values: unknown[]) =>
      write(level, values.map((value) => (typeof value === 'string' ? value : inspect(value))).join(' '));
  Object.assign(console, {
    log: at('info'),
    info: at('info'),
    debug: at('debug'),
    warn: at('warn'),
    error: at('error'),
    trace: at('debug'),
  });
}
