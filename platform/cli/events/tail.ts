/** `pilotfish tail SUBJECT`: prints events as they are stored, or from the beginning. */
import { isUtf8 } from 'node:buffer';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { InvalidArgumentError } from 'commander';
import type { EventClient, ReadOptions, StoredEvent } from '#client';
import { formatBytes, messageOf, PlatformError } from '#common';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import { withEvents } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { dataRecord } from '../output/data-record.ts';

interface TailFlags extends CommonOptions {
  readonly from: NonNullable<ReadOptions['from']>;
  readonly count?: number;
  readonly save?: string;
}

const zonedTime = /^\d{4}-\d\d-\d\dT.*(Z|[+-]\d\d:?\d\d)$/;

/** Longer payloads are cut on a terminal; `-o json` has them whole. */
const previewCharsMax = 120;

export const tailCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'tail',
    summary: 'print events',
    examples: [
      "pilotfish tail 'echoed.*'",
      "pilotfish tail 'numbers.>' --from all --count 10",
      "pilotfish tail 'numbers.>' --from 2026-01-01T00:00:00Z --count 10",
      "pilotfish tail 'echoed.*' -o json",
      "pilotfish tail 'numbers.*' --from all --count 2 --save out    # out/numbers.0; what is an array as out/NAME.npy",
    ],
  })
    .argument('<subject>', 'which events; "*" stands for one token, ">" for the rest')
    .addOption(
      flag('--from <place>', 'new, all, a time (2026-11-27T04:00:00Z), or a sequence number')
        .default('new')
        .argParser(parseFrom),
    )
    .addOption(flag('--count <events>', 'end after so many').argParser(positiveInteger))
    .addOption(flag('--save <folder>', 'write each payload to a file named by its subject; arrays as npy'))
    .action((subject: string, flags: TailFlags) => tail(context, subject, flags));

async function tail(context: CliContext, subject: string, flags: TailFlags): Promise<void> {
  const output = outputOf(context, flags);
  let left = flags.count ?? Number.POSITIVE_INFINITY;
  await withEvents(context, flags.pilot, 'viewer', async (client) => {
    const events = await client.read(subject, { from: flags.from, signal: context.signal });
    output.note(`reading ${subject}; Ctrl-C ends`);
    for await (const event of events) {
      if (output.format === 'name') output.line(event.subject);
      else output.entry(eventRecord(event), eventText(event));
      if (flags.save !== undefined) output.note(`saved as ${await save(flags.save, event, client)}`);
      if (--left <= 0) return;
    }
    context.signal.throwIfAborted();
  });
}

/** The last event of a subject is the one that stays. Returns the path. */
async function save(folder: string, event: StoredEvent, client: EventClient): Promise<string> {
  const payload = await client.payload(event);
  const { eventFile } = await import('../output/event-file.ts');
  const { name, bytes } = eventFile(event.subject, event.headers, payload);
  const path = join(folder, name);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(path, bytes);
  } catch (error) {
    throw new PlatformError('invalid', `cannot write "${path}": ${messageOf(error)}`, { cause: error });
  }
  return path;
}

function eventText({ sequence, time, subject, headers, data, bytes }: StoredEvent): string {
  const claimed = headers['Pilotfish-Claim']?.split(' ');
  const content = claimed ? `in a file of ${claimed[0]}, ${claimed[1]}` : preview(data);
  return [sequence, time.toISOString(), subject, formatBytes(bytes), content].join('\t');
}

/** Text is shown as JSON shows it, so that no control character reaches the terminal; bytes as hexadecimal. */
function preview(data: Uint8Array): string {
  const head = data.subarray(0, previewCharsMax);
  const text = isUtf8(data)
    ? JSON.stringify(Buffer.from(data).toString('utf8').slice(0, previewCharsMax))
    : `0x${Buffer.from(head).toString('hex').slice(0, previewCharsMax)}`;
  return data.byteLength > previewCharsMax ? `${text}...` : text;
}

function eventRecord({ sequence, time, subject, id, headers, data }: StoredEvent): object {
  return { sequence, time: time.toISOString(), subject, id, headers, ...dataRecord(data) };
}

function parseFrom(text: string): TailFlags['from'] {
  if (text === 'new' || text === 'all') return text;
  const sequence = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(sequence) && sequence > 0) return { sequence };
  // Without its zone a time would be another one on another machine.
  const sinceMs = zonedTime.test(text) ? Date.parse(text) : Number.NaN;
  if (sinceMs >= 0) return { sinceMs };
  throw new InvalidArgumentError('It must be new, all, a time like 2026-11-27T04:00:00Z, or a sequence number.');
}
