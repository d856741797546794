/** `pilotfish invoke FN`: the result's bytes on stdout exactly as they are; how it went on stderr. */
import type { Command } from 'commander';
import { formatDuration, PlatformError } from '#common';
import type { InvokeResponse } from '#proto';
import { type CommandFactory, type CommonOptions, durationBetween, flag, newCommand, outputOf } from '../command.ts';
import { askPilot, suggestFunction, withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { dataRecord } from '../output/data-record.ts';
import type { Output } from '../output/output.ts';
import { printableCell } from '../output/printable.ts';
import { readInput } from './input.ts';

interface InvokeFlags extends CommonOptions {
  readonly data?: string;
  readonly file?: string;
  readonly functionVersion?: string;
  readonly header?: readonly string[];
  readonly timeout?: number;
  readonly stream?: boolean;
  readonly async?: boolean;
  readonly keep?: number;
}

export const invokeCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'invoke',
    summary: 'call a function and wait for its result',
    examples: [
      'pilotfish invoke echo -d hi',
      'cat S.npy T.npy | pilotfish invoke gridrec - -H mode=compat > R.npy    # functions of tomography take NumPy arrays',
      'cat in.json | pilotfish invoke echo -',
      'pilotfish invoke preview -f scan.bin --stream > slices.bin',
      'pilotfish invoke echo -f scan.bin --async    # prints a call id: pilotfish calls wait ID',
    ],
  })
    .argument('<function>', 'its name')
    .argument('[input]', '"-" reads the payload from stdin')
    .addOption(flag('-d, --data <text>', 'the payload as text'))
    .addOption(flag('-f, --file <path>', 'the payload from a file'))
    .addOption(flag('--stream', 'print the answer piece by piece, as the function yields it'))
    .addOption(flag('--async', 'print a call id at once, and run it as soon as there is room'))
    .addOption(
      flag('--keep <duration>', 'with --async: how long the result is kept, 7 days at most (default: 24h)').argParser(
        durationBetween('1s', '7d'),
      ),
    )
    .addOption(flag('--function-version <version>', 'a version number or alias (default: latest)'))
    .addOption(flag('-H, --header <name=value...>', 'headers of the event'))
    .addOption(
      flag('--timeout <duration>', "give up after this long (default: the function's timeout)").argParser(
        durationBetween('1ms', '24h'),
      ),
    )
    .action((name: string, input: string | undefined, flags: InvokeFlags) => invoke(context, name, input, flags));

async function invoke(context: CliContext, name: string, input: string | undefined, flags: InvokeFlags): Promise<void> {
  if (flags.async && flags.stream) throw new PlatformError('usage', '--async and --stream do not go together');
  if (flags.keep !== undefined && !flags.async)
    throw new PlatformError('usage', '--keep goes with --async', {
      hint: 'Without it the result is printed, and kept nowhere.',
    });
  const { invokePayloadBytesMax } = await import('#rpc');
  const payload = await readInput(context, input, flags, invokePayloadBytesMax);
  const options = {
    headers: parseHeaders(flags.header),
    signal: context.signal,
    ...(flags.functionVersion === undefined ? {} : { version: flags.functionVersion }),
    ...(flags.timeout === undefined ? {} : { timeoutMs: flags.timeout }),
  };
  const output = outputOf(context, flags);
  if (flags.async) {
    const callId = await askPilot(context, flags.pilot, (pilot) =>
      suggestFunction(pilot, name, () =>
        pilot.invokeAsync(name, payload, { ...options, ...(flags.keep === undefined ? {} : { keepMs: flags.keep }) }),
      ),
    );
    await output.bare(callId, { callId });
    return output.note(`pilotfish calls wait ${callId}`);
  }
  using _ = output.waiting(`waiting for ${name}`);
  const result = await withPilot(context, flags.pilot, (pilot) =>
    suggestFunction(pilot, name, async () => {
      if (flags.stream) return await printPieces(output, pilot.invokeStream(name, payload, options));
      const whole = await pilot.invoke(name, payload, options);
      if (output.isStructured) output.entry({ ...runRecord(whole), ...dataRecord(whole.payload) }, '');
      else await printBytes(output, whole.payload);
      return whole;
    }),
  );
  context.signal.throwIfAborted();
  if (!result) throw new PlatformError('unavailable', `the answer of ${name} broke off`);
  const { durationMs: ms, instance, node, cold, version, headers } = result;
  for (const [name, value] of Object.entries(headers)) output.note(`${name}: ${printableCell(value)}`);
  output.note(
    `${formatDuration(ms)}, version ${version}, instance ${instance}, node ${node}, ${cold ? 'cold' : 'warm'}`,
  );
}

function runRecord({ version, node, instance, cold, durationMs, headers }: InvokeResponse): object {
  return { version, node, instance, cold, durationMs, headers };
}

/** In JSON a line each, and the last one says where it ran. */
async function printPieces(
  output: Output,
  pieces: AsyncGenerator<Buffer, InvokeResponse | undefined, void>,
): Promise<InvokeResponse | undefined> {
  for (;;) {
    const next = await pieces.next();
    if (next.done) {
      if (output.isStructured && next.value) output.entry(runRecord(next.value), '');
      return next.value;
    }
    if (output.isStructured) output.entry(dataRecord(next.value), '');
    else await printBytes(output, next.value);
  }
}

/** On a terminal the result gets a line of its own; in a pipe its bytes stay as they are. */
async function printBytes(output: Output, payload: Uint8Array): Promise<void> {
  await output.bytes(payload);
  if (output.isTerminal && payload.byteLength > 0 && payload.at(-1) !== 0x0a) output.line('');
}

/** "name=value" pairs. Throws `usage`. */
export function parseHeaders(pairs: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    pairs.map((pair) => {
      const at = pair.indexOf('=');
      if (at > 0) return [pair.slice(0, at), pair.slice(at + 1)] as const;
      throw new PlatformError('usage', `"${pair}" is no header`, { hint: 'Write it like --header name=value.' });
    }),
  );
}
