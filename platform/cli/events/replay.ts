/** `pilotfish replay FILE.h5`: sends a recorded scan as the detector did, frame by frame at a rate. */
import { basename } from 'node:path';
import type { Command } from 'commander';
import { formatCount, systemClock } from '#common';
import type { ScanSource } from '#sources';
import { type CommandFactory, type CommonOptions, flag, newCommand, outputOf, perSecond } from '../command.ts';
import { withEvents } from '../connection.ts';
import type { CliContext } from '../context.ts';
import { countText, type Output } from '../output/output.ts';
import { sourceError } from '../sources/source-error.ts';
import { storedText } from '../sources/stored-text.ts';
import { sayWhatIsStored } from './say-stored.ts';

interface ReplayFlags extends CommonOptions {
  readonly to?: string;
  readonly rate: number;
}

const rateDefault = 100;

export const replayCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'replay',
    summary: 'send a recorded scan frame by frame',
    examples: ['pilotfish replay scan.h5', 'pilotfish replay scan.h5 --to scan.7.frame --rate 500/s'],
  })
    .argument('<file>', 'a Data Exchange HDF5 file')
    .addOption(flag('--to <subject>', "where to (default: scan.NAME.frame, NAME being the file's)"))
    .addOption(flag('--rate <per second>', 'frames a second').default(rateDefault).argParser(perSecond))
    .action((file: string, flags: ReplayFlags) => replay(context, file, flags));

/** A large file takes long to look through. Throws as sources do. */
async function openScan(output: Output, file: string, name: string): Promise<ScanSource> {
  const { fileScan } = await import('#sources');
  using _ = output.waiting(`opening ${file}`);
  return await fileScan(file, { scan: name }).catch((error: unknown) => {
    throw sourceError(error);
  });
}

async function replay(context: CliContext, file: string, flags: ReplayFlags): Promise<void> {
  const { frameCount, replayScans } = await import('#sources');
  const output = outputOf(context, flags);
  const name =
    basename(file)
      .replace(/\.[^.]*$/, '')
      .replace(/[^A-Za-z0-9_-]/g, '-') || 'scan';
  const subject = flags.to ?? `scan.${name}.frame`;
  const scan = await openScan(output, file, name);
  try {
    await withEvents(context, flags.pilot, 'source', async (events) => {
      const stored = () => `${countText(events.counts.acked)} of ${formatCount(frameCount(scan), 'frame')}`;
      using _ = output.waiting(() => storedText(stored(), [events]));
      const sending = replayScans([scan], {
        rate: flags.rate,
        clock: { now: () => systemClock.monotonic(), sleep: (ms, signal) => systemClock.sleep(ms, signal) },
        signal: context.signal,
        subjectOf: () => subject,
        publish: ({ data, headers, id }) => events.publish(subject, data, { headers, id: `${subject}.${id}` }),
      }).then(async (report) => {
        await events.flush(context.signal);
        return report;
      });
      const report = await sayWhatIsStored(context, output, sending, { events, stored });
      const { frames, seconds } = report;
      const text = `${countText(frames)} frames stored in ${seconds.toFixed(2)} s, ${countText(events.counts.retried)} sent again`;
      await output.one(subject, { subject, frames, seconds, retried: events.counts.retried }, [[subject, text]]);
    });
  } finally {
    scan.close();
  }
}
