/** `pilotfish pub SUBJECT`: publishes events, counted and at a rate where asked. */
import type { Command } from 'commander';
import type { EventClient } from '#client';
import { formatCount, systemClock } from '#common';
import {
  type CommandFactory,
  type CommonOptions,
  flag,
  newCommand,
  outputOf,
  perSecond,
  positiveInteger,
} from '../command.ts';
import { withEvents } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { countText } from '../output/output.ts';
import { storedText } from '../sources/stored-text.ts';
import { readInput } from './input.ts';
import { parseHeaders } from './invoke.ts';
import { sayWhatIsStored } from './say-stored.ts';

interface PubFlags extends CommonOptions {
  readonly data?: string;
  readonly file?: string;
  readonly header?: readonly string[];
  readonly count: number;
  readonly rate?: number;
  readonly pack?: boolean;
}

/** The number of the event, counting from 0, in subject and text. */
const numberMark = '{n}';

export const pubCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'pub',
    summary: 'publish events',
    examples: [
      'pilotfish pub numbers.1 -d hi',
      "pilotfish pub 'numbers.{n}' -d 'event {n}' --count 2000 --rate 500/s",
      "pilotfish pub points.a -d '{n}' --count 1000000 --pack",
      'pilotfish pub scan.7.frame -f frame.bin -H Pilotfish-Part=dark:0',
    ],
  })
    .argument('<subject>', `where to; "${numberMark}" stands for the number of the event, from 0`)
    .argument('[input]', '"-" reads the payload from stdin')
    .addOption(flag('-d, --data <text>', `the payload as text; "${numberMark}" as in the subject`))
    .addOption(flag('-f, --file <path>', 'the payload from a file'))
    .addOption(flag('-H, --header <name=value...>', 'headers of the events'))
    .addOption(flag('--count <events>', 'how many').default(1).argParser(positiveInteger))
    .addOption(
      flag(
        '--rate <per second>',
        'at most so many a second, such as 500/s (default: as fast as they are stored)',
      ).argParser(perSecond),
    )
    .addOption(flag('--pack', 'put small events of a subject together, up to 256 in a message'))
    .action((subject: string, input: string | undefined, flags: PubFlags) => publish(context, subject, input, flags));

async function publish(
  context: CliContext,
  subject: string,
  input: string | undefined,
  flags: PubFlags,
): Promise<void> {
  const { claimBytesMax } = await import('#claims');
  const data = flags.data?.includes(numberMark) ? flags.data : await readInput(context, input, flags, claimBytesMax);
  const headers = parseHeaders(flags.header);
  const output = outputOf(context, flags);
  const send = async (events: EventClient) => {
    const started = systemClock.monotonic();
    const stored = () => `${countText(events.counts.acked)} of ${formatCount(flags.count, 'event')}`;
    using _ = output.waiting(() => storedText(stored(), [events]));
    const all = { subject, data, headers, count: flags.count, rate: flags.rate };
    const sending = publishAll(context, events, all).then(() => events.flush(context.signal));
    await sayWhatIsStored(context, output, sending, { events, stored });
    const seconds = (systemClock.monotonic() - started) / 1_000;
    const { acked, retried } = events.counts;
    const eventsPerSecond = Math.round(acked / seconds);
    const text = `${countText(acked)} stored in ${seconds.toFixed(2)} s (${countText(eventsPerSecond)}/s), ${countText(retried)} sent again`;
    await output.one(subject, { subject, stored: acked, retried, seconds, eventsPerSecond }, [[subject, text]]);
  };
  await withEvents(context, flags.pilot, 'source', send, { pack: flags.pack ?? false });
}

interface Batch {
  readonly subject: string;
  readonly data: string | Uint8Array;
  readonly headers: Readonly<Record<string, string>>;
  readonly count: number;
  readonly rate: number | undefined;
}

async function publishAll(
  { signal }: CliContext,
  events: EventClient,
  { subject, data, headers, count, rate }: Batch,
): Promise<void> {
  const started = systemClock.monotonic();
  for (let number = 0; number < count; number++) {
    signal.throwIfAborted();
    if (rate !== undefined) await waitUntil(started + (number / rate) * 1_000, signal);
    const numbered = typeof data === 'string' ? data.replaceAll(numberMark, String(number)) : data;
    await events.publish(subject.replaceAll(numberMark, String(number)), numbered, { headers });
  }
}

/** Timers are good for a millisecond; what is due sooner goes at once, so the rate is kept on average. */
async function waitUntil(due: number, signal: AbortSignal): Promise<void> {
  const waitMs = due - systemClock.monotonic();
  if (waitMs >= 1) await systemClock.sleep(waitMs, signal);
}
