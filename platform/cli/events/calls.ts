/** `pilotfish calls ...`: asynchronous calls, from `invoke --async` to their results. */
import type { Command } from 'commander';
import type { PilotClient } from '#client';
import { formatBytes, formatDuration, PlatformError } from '#common';
import type { GetCallResponse, StoredCall } from '#proto';
import { fromErrorDetail } from '#rpc';
import {
  type CommandFactory,
  type CommonOptions,
  durationBetween,
  flag,
  newCommand,
  outputOf,
  positiveInteger,
} from '../command.ts';
import { askPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { dataRecord } from '../output/data-record.ts';
import { ageText, type ListView } from '../output/output.ts';

interface ListFlags extends CommonOptions {
  readonly limit: number;
}

interface WaitFlags extends CommonOptions {
  readonly timeout: number;
}

const listedDefault = 50;
const waitMsDefault = 10 * 60_000;

export const callsListCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'list',
    summary: 'list asynchronous calls, oldest first',
    examples: ['pilotfish calls list', 'pilotfish calls list gridrec --limit 500 -o json'],
  })
    .alias('ls')
    .argument('[function]', 'only those of one function')
    .addOption(flag('--limit <calls>', 'at most so many').default(listedDefault).argParser(positiveInteger))
    .action(async (name: string | undefined, flags: ListFlags) => {
      const calls = await askPilot(context, flags.pilot, (pilot) =>
        Array.fromAsync(pilot.calls(name, flags.limit, context.signal)),
      );
      const output = outputOf(context, flags);
      await output.list(calls, callsView);
      if (calls.length === flags.limit) output.note(`the first ${flags.limit}; --limit shows more`);
    });

export const callsGetCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'get',
    summary: 'show how a call stands',
    examples: ['pilotfish calls get gridrec.x7Kq20aBcDeF', 'pilotfish calls get gridrec.x7Kq20aBcDeF -o json'],
  })
    .argument('<call>', 'its id')
    .action(async (callId: string, options: CommonOptions) => {
      const { call } = await askPilot(context, options.pilot, (pilot) => pilot.call(callId));
      await show(context, options, callId, call);
    });

export const callsWaitCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'wait',
    summary: 'wait for a call to end, and print its result',
    examples: [
      'pilotfish calls wait gridrec.x7Kq20aBcDeF > out.bin',
      'pilotfish calls wait gridrec.x7Kq20aBcDeF --timeout 1h',
    ],
  })
    .argument('<call>', 'its id')
    .addOption(
      flag('--timeout <duration>', 'give up after this long')
        .default(waitMsDefault, '10m')
        .argParser(durationBetween('1ms', '24h')),
    )
    .action(async (callId: string, flags: WaitFlags) => {
      const wait = (pilot: PilotClient) => pilot.waitCall(callId, flags.timeout, context.signal);
      const ended = await askPilot(context, flags.pilot, wait, callId);
      await printResult(context, flags, ended);
    });

export const callsCancelCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'cancel',
    summary: 'stop a call that waits or runs',
    examples: ['pilotfish calls cancel gridrec.x7Kq20aBcDeF'],
  })
    .argument('<call>', 'its id')
    .action(async (callId: string, options: CommonOptions) => {
      const call = await askPilot(context, options.pilot, (pilot) => pilot.cancelCall(callId));
      await show(context, options, callId, call);
      if (call && call.state !== 'cancelled') outputOf(context, options).note('it had ended before');
    });

async function show(
  context: CliContext,
  options: CommonOptions,
  callId: string,
  call: StoredCall | undefined,
): Promise<void> {
  await outputOf(context, options).one(callId, call ? callRecord(call) : {}, call ? callRows(call) : []);
}

/** A call that failed ends this command as it would have ended `invoke`; one that was cancelled has no result either. */
async function printResult(
  context: CliContext,
  options: CommonOptions,
  { call, payload }: GetCallResponse,
): Promise<void> {
  if (call?.error) throw fromErrorDetail(call.error);
  if (call?.state === 'cancelled') throw new PlatformError('cancelled', `the call ${call.callId} was cancelled`);
  const output = outputOf(context, options);
  if (call && output.isStructured) output.entry({ ...callRecord(call), ...dataRecord(payload) }, '');
  else if (call?.state === 'done') await output.bytes(payload);
  if (call) output.note(`${call.state}, ${formatDuration(call.endedAtMs - call.submittedAtMs)} after it was submitted`);
}

const callsView: ListView<StoredCall> = {
  columns: [
    { title: 'CALL', text: ({ callId }) => callId },
    { title: 'STATE', text: ({ state }) => state },
    { title: 'AGE', text: ({ submittedAtMs }) => ageText(submittedAtMs, Date.now()) },
    { title: 'TRIES', text: ({ attempts }) => String(attempts) },
    { title: 'RESULT', text: ({ state, resultBytes }) => (state === 'done' ? formatBytes(resultBytes) : '') },
    { title: 'NODE', text: ({ node }) => node, wide: true },
    { title: 'INSTANCE', text: ({ instance }) => instance, wide: true },
    { title: 'ERROR', text: ({ error }) => (error?.message ?? '').split('\n')[0] ?? '' },
  ],
  name: ({ callId }) => callId,
  plain: callRecord,
  empty: 'no calls',
};

function callRecord(call: StoredCall): object {
  const time = (ms: number) => (ms > 0 ? new Date(ms).toISOString() : null);
  const { callId, function: name, state, attempts, node, instance, version, resultBytes, error } = call;
  return {
    callId,
    function: name,
    version,
    state,
    attempts,
    submittedAt: time(call.submittedAtMs),
    startedAt: time(call.startedAtMs),
    endedAt: time(call.endedAtMs),
    keptUntil: call.endedAtMs > 0 ? time(call.keptUntilMs) : null,
    node,
    instance,
    resultBytes,
    ...(error ? { error: { code: error.code, message: error.message, stack: error.stack } } : {}),
  };
}

function callRows(call: StoredCall): [string, string][] {
  return (
    Object.entries(callRecord(call))
      // Of a call that has not ended it is not known which version ran it.
      .filter(([name, value]) => value !== null && value !== '' && !(name === 'version' && value === 0))
      .map(([name, value]): [string, string] => [
        name,
        typeof value === 'object' ? JSON.stringify(value) : String(value),
      ])
  );
}
