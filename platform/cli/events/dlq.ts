/** `pilotfish dlq ...`: what a function could not handle; look at it, give it back, or delete it. */
import { isUtf8 } from 'node:buffer';
import type { Command } from 'commander';
import { formatBytes, PlatformError } from '#common';
import type { DeadLetter, FailedAttempt, GetDeadLetterResponse } from '#proto';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, positiveInteger } from '../command.ts';
import { askPilot, suggestFunction } from '../connection.ts';
import { type ExitCode, partialExitCode } from '../context.ts';
import { ageText, countText, type ListView } from '../output/output.ts';
import { printableCell } from '../output/printable.ts';

interface ListFlags extends CommonOptions {
  readonly limit: number;
}

interface ChoiceFlags extends CommonOptions {
  readonly all?: boolean;
}

/** A screen or two; `--limit` says otherwise. */
const listedDefault = 50;
/** Longer payloads are cut; `-o json` has them whole. */
const previewCharsMax = 2_000;

export const dlqListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: "list a function's dead letters, oldest first",
    examples: ['pilotfish dlq list gridrec', 'pilotfish dlq list gridrec --limit 500 -o json'],
  })
    .alias('ls')
    .argument('<function>', 'its name')
    .addOption(flag('--limit <letters>', 'at most so many').default(listedDefault).argParser(positiveInteger))
    .action(async (name: string, flags: ListFlags) => {
      const output = outputOf(context, flags);
      const letters = await askPilot(context, flags.pilot, (pilot) =>
        suggestFunction(pilot, name, () => Array.fromAsync(pilot.deadLetters(name, flags.limit, context.signal))),
      );
      await output.list(letters, lettersView);
      if (letters.length === flags.limit) output.note(`the first ${flags.limit}; --limit shows more`);
    });

export const dlqPeekCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'peek',
    summary: 'show one dead letter with its payload, attempts and stacks',
    examples: ['pilotfish dlq peek gridrec 17', 'pilotfish dlq peek gridrec 17 -o json'],
  })
    .argument('<function>', 'its name')
    .argument('<sequence>', 'the letter, as `dlq list` numbers it', positiveInteger)
    .action(async (name: string, sequence: number, options: CommonOptions) => {
      const found = await askPilot(context, options.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.deadLetter(name, sequence)),
      );
      await outputOf(context, options).one(String(sequence), peekRecord(found), peekRows(found));
    });

export const dlqRedriveCommand: CommandFactory = (context, report): Command =>
  newCommand({
    name: 'redrive',
    summary: 'give events back to their function, with their own ids',
    examples: ['pilotfish dlq redrive gridrec 17 18', 'pilotfish dlq redrive gridrec --all'],
  })
    .argument('<function>', 'its name')
    .argument('[sequences...]', 'the letters, as `dlq list` numbers them', sequenceList)
    .addOption(flag('--all', 'all that can be'))
    .action(async (name: string, sequences: number[], flags: ChoiceFlags) => {
      requireChoice(sequences, flags);
      const { redriven, kept } = await askPilot(context, flags.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.redrive(name, sequences)),
      );
      const output = outputOf(context, flags);
      await output.one(name, { function: name, redriven, kept }, [['redriven', countText(redriven)]]);
      if (kept > 0) {
        output.note(
          `${countText(kept)} stay: late parts and events, payloads too large for a letter, and events of triggers that are gone cannot be redriven`,
        );
      }
      report(endOf(kept > 0 && sequences.length > 0));
    });

export const dlqPurgeCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'purge',
    summary: 'delete dead letters for good',
    examples: ['pilotfish dlq purge gridrec 17', 'pilotfish dlq purge gridrec --all'],
  })
    .argument('<function>', 'its name')
    .argument('[sequences...]', 'the letters, as `dlq list` numbers them', sequenceList)
    .addOption(flag('--all', 'all of the function'))
    .action(async (name: string, sequences: number[], flags: ChoiceFlags) => {
      requireChoice(sequences, flags);
      const purged = await askPilot(context, flags.pilot, (pilot) =>
        suggestFunction(pilot, name, () => pilot.purgeDeadLetters(name, sequences)),
      );
      await outputOf(context, flags).one(name, { function: name, purged }, [['purged', countText(purged)]]);
    });

function sequenceList(text: string, before: number[] | undefined): number[] {
  return [...(before ?? []), positiveInteger(text)];
}

/** Neither a forgotten number nor a number beside --all may touch letters that nobody meant. */
function requireChoice(sequences: readonly number[], { all = false }: ChoiceFlags): void {
  if (all !== sequences.length > 0) return;
  throw new PlatformError('usage', all ? 'name letters or --all, not both' : 'which dead letters?', {
    hint: 'Give their numbers from `pilotfish dlq list FN`, or --all.',
  });
}

function endOf(partly: boolean): ExitCode {
  return partly ? partialExitCode : 0;
}

const lettersView: ListView<DeadLetter> = {
  columns: [
    { title: 'SEQUENCE', text: ({ sequence }) => String(sequence) },
    { title: 'AGE', text: ({ timeMs }) => ageText(timeMs, Date.now()) },
    { title: 'SUBJECT', text: ({ subject }) => subject },
    { title: 'SIZE', text: ({ eventBytes }) => formatBytes(eventBytes) },
    { title: 'ATTEMPTS', text: ({ attempts }) => String(attempts.length) },
    { title: 'REDRIVEN', text: ({ redriven }) => String(redriven), wide: true },
    { title: 'VERSION', text: ({ version }) => String(version), wide: true },
    { title: 'TRIGGER', text: ({ trigger }) => trigger, wide: true },
    { title: 'REASON', text: ({ reason }) => firstLine(reason) },
  ],
  name: ({ sequence }) => String(sequence),
  plain: letterRecord,
  empty: 'no dead letters',
};

function letterRecord(letter: DeadLetter): object {
  const { sequence, timeMs, function: name, version, digest, trigger, reason, redriven, redrivable } = letter;
  return {
    sequence,
    time: new Date(timeMs).toISOString(),
    function: name,
    version,
    digest,
    trigger,
    reason,
    redriven,
    redrivable,
    traceparent: letter.traceparent,
    event: {
      subject: letter.subject,
      sequence: letter.eventSequence,
      time: new Date(letter.eventTimeMs).toISOString(),
      bytes: letter.eventBytes,
    },
    attempts: letter.attempts.map(attemptRecord),
  };
}

function attemptRecord({ timeMs, node, instance, durationMs, error, stack, lost }: FailedAttempt): object {
  return { time: new Date(timeMs).toISOString(), node, instance, durationMs, error, stack, lost };
}

function peekRecord({ letter, payload, headers }: GetDeadLetterResponse): object {
  const body = isUtf8(payload) ? { data: payload.toString('utf8') } : { dataBase64: payload.toString('base64') };
  return { ...(letter ? letterRecord(letter) : {}), headers, ...body };
}

function peekRows({ letter, payload, headers }: GetDeadLetterResponse): [string, string][] {
  if (!letter) return [];
  return [
    ['sequence', String(letter.sequence)],
    ['written', new Date(letter.timeMs).toISOString()],
    ['reason', letter.reason],
    [
      'function',
      `${letter.function} version ${letter.version} (${letter.digest.slice(0, 12)}), trigger ${letter.trigger}`,
    ],
    [
      'event',
      `${letter.subject}, ${letter.eventSequence} in its stream, ${new Date(letter.eventTimeMs).toISOString()}`,
    ],
    ['redriven', letter.redrivable ? String(letter.redriven) : `${letter.redriven}; it cannot be`],
    ...Object.entries(headers).map(([name, value]): [string, string] => ['header', printableCell(`${name}: ${value}`)]),
    ['payload', payloadText(letter, payload, headers['Pilotfish-Claim'])],
    ...letter.attempts.map((attempt): [string, string] => ['attempt', attemptText(attempt)]),
  ];
}

function attemptText({ timeMs, node, instance, durationMs, error, stack, lost }: FailedAttempt): string {
  const where = `${new Date(timeMs).toISOString()} ${instance || '-'} on ${node}, ${durationMs} ms${lost ? ', lost' : ''}`;
  const text = stack === '' ? error : stack;
  return `${where}\n${text}`;
}

function payloadText(
  { subject, eventSequence, eventBytes }: DeadLetter,
  payload: Uint8Array,
  claim: string | undefined,
): string {
  const [place, name] = claim?.split(' ') ?? [];
  if (name !== undefined) return `${formatBytes(eventBytes)}, in a file of ${place}, ${name}`;
  if (payload.length > 0 || eventBytes === 0) return `${formatBytes(payload.length)} ${preview(payload)}`;
  const look = `pilotfish tail ${subject} --from ${eventSequence} --count 1`;
  return `${formatBytes(eventBytes)}, not in the letter; while the event is stored: ${look}`;
}

function preview(payload: Uint8Array): string {
  const text = isUtf8(payload)
    ? JSON.stringify(Buffer.from(payload).toString('utf8').slice(0, previewCharsMax))
    : `0x${Buffer.from(payload.subarray(0, previewCharsMax / 2)).toString('hex')}`;
  return payload.length > previewCharsMax ? `${text}...` : text;
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}
