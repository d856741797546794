/** What a function writes becomes log lines: console.log and the like, and process.stdout and stderr line by line. */
import { Writable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { inspect } from 'node:util';

type WriteLine = (level: string, text: string) => void;

/** A line without an end is cut to pieces of this size. */
const lineCharsMax = 8_192;

export function captureOutput(write: WriteLine): void {
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
  replaceStream('stdout', 1, (line) => write('info', line));
  replaceStream('stderr', 2, (line) => write('error', line));
}

/** Node's own would keep what a pipe does not take; these lines have the log's bound. What goes to the descriptor itself still is a line. */
function replaceStream(name: 'stdout' | 'stderr', fd: number, onLine: (line: string) => void): void {
  const value = Object.assign(lineStream(onLine), { fd });
  Object.defineProperty(process, name, { value, configurable: true, enumerable: true });
}

function lineStream(onLine: (line: string) => void): Writable {
  const decoder = new StringDecoder('utf8');
  let tail = '';
  let isTold = false;
  const tell = () => {
    isTold = false;
    if (tail !== '') onLine(tail);
    tail = '';
  };
  return new Writable({
    write(chunk: Buffer, _encoding, done) {
      const lines = (tail + decoder.write(chunk)).split('\n');
      tail = lines.pop() ?? '';
      for (const line of lines) if (line !== '') onLine(line);
      if (tail.length > lineCharsMax) tell();
      // What has no end of line yet is a line of its own once the function gives way.
      else if (tail !== '' && !isTold) {
        isTold = true;
        setImmediate(tell);
      }
      done();
    },
  });
}
