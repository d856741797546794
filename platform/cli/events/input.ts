/** The payload of `invoke` and `pub`: text, a file, or stdin, read within a limit. */
import { open } from 'node:fs/promises';
import { formatBytes, messageOf, PlatformError } from '#common';
import type { CliContext } from '../context.ts';

export interface InputOptions {
  readonly data?: string;
  readonly file?: string;
}

/** "-" as argument or file means stdin; nothing at all means no payload. Throws `usage` where two are given. */
export async function readInput(
  context: CliContext,
  argument: string | undefined,
  options: InputOptions,
  bytesMax: number,
): Promise<Uint8Array> {
  if (argument !== undefined && argument !== '-') {
    throw new PlatformError('usage', `unexpected argument "${argument}"`, {
      hint: 'Give text with -d, a file with -f, or "-" for stdin.',
    });
  }
  const given = [argument, options.data, options.file].filter((source) => source !== undefined);
  if (given.length > 1)
    throw new PlatformError('usage', 'the payload is given twice', { hint: 'Use one of -d, -f and "-".' });
  if (options.data !== undefined) return checkSize(Buffer.from(options.data), bytesMax);
  if (argument === '-' || options.file === '-') return readStdin(context, bytesMax);
  return options.file === undefined ? new Uint8Array(0) : readFile(options.file, bytesMax);
}

async function readFile(path: string, bytesMax: number): Promise<Uint8Array> {
  try {
    await using file = await open(path);
    const { size } = await file.stat();
    if (size > bytesMax) throw tooLarge(formatBytes(size), size, bytesMax);
    return checkSize(await file.readFile(), bytesMax);
  } catch (error) {
    if (error instanceof PlatformError) throw error;
    throw unreadable(path, error);
  }
}

function unreadable(path: string, cause: unknown): PlatformError {
  if (cause instanceof Error && 'code' in cause && cause.code === 'EISDIR')
    return new PlatformError('invalid', `"${path}" is a folder, and a payload is one file`, {
      cause,
      hint: 'Name a file of it.',
    });
  const missing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT';
  if (missing)
    return new PlatformError('not-found', `there is no file "${path}"`, { cause, hint: '"-" reads from stdin.' });
  return new PlatformError('invalid', `cannot read "${path}": ${messageOf(cause)}`, { cause });
}

async function readStdin(context: CliContext, bytesMax: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of context.stdin) {
    const buffer = Buffer.from(chunk as Uint8Array);
    bytes += buffer.byteLength;
    if (bytes > bytesMax) throw tooLarge(`more than ${formatBytes(bytesMax)}`, undefined, bytesMax);
    chunks.push(buffer);
  }
  return Buffer.concat(chunks);
}

function checkSize(data: Uint8Array, bytesMax: number): Uint8Array {
  if (data.byteLength <= bytesMax) return data;
  throw tooLarge(formatBytes(data.byteLength), data.byteLength, bytesMax);
}

function tooLarge(size: string, bytes: number | undefined, bytesMax: number): PlatformError {
  const exact = bytes === undefined ? '' : ` (${bytes} bytes)`;
  return new PlatformError(
    'payload-too-large',
    `the payload has ${size}${exact}; the limit is ${formatBytes(bytesMax)} (${bytesMax} bytes)`,
    {
      hint: 'Send it in pieces, or a reference to a file that the nodes can read.',
    },
  );
}
