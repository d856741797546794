/** `pilotfish pilot extend|shrink` and `pilotfish node drain`: nodes come and go while the stream runs. */
import type { Command } from 'commander';
import { formatCount, formatDuration, messageOf, PlatformError, systemClock, untilAborted } from '#common';
import type { Block, NodeJob, NodeProvider } from '#pilot';
import {
  type CommandFactory,
  type CommonOptions,
  durationBetween,
  flag,
  newCommand,
  outputOf,
  positiveInteger,
} from '../command.ts';
import { refuseVia, withPilot } from '../connection.ts';
import type { CliContext } from '../context.ts';
import type { Output } from '../output/output.ts';
import { phaseText } from '../output/phase-text.ts';
import { addNodeFlags, type NodeFlags, nodeRequest } from './node-flags.ts';

interface ExtendFlags extends CommonOptions, NodeFlags {
  readonly detach?: boolean;
  readonly brokers?: boolean;
}

interface GraceFlags extends CommonOptions {
  readonly nodes: number;
  readonly grace: number;
}

const graceMsDefault = 30_000;
/** A launcher sees that its block is to stop within a second; the rest is the scheduler's. */
const endWaitMs = 60_000;
const pollMs = 250;

export const pilotExtendCommand: CommandFactory = (context): Command =>
  addNodeFlags(
    newCommand({
      name: 'extend',
      summary: 'add nodes: a further scheduler job that joins the pilot',
      examples: ['pilotfish pilot extend --nodes 2', 'pilotfish pilot extend --nodes 4 --walltime 30m --queue short'],
    }),
    'how many more nodes',
  )
    .addOption(flag('--brokers', 'more servers for the streams'))
    .addOption(flag('--detach', 'return once the job is submitted'))
    .action(async (flags: ExtendFlags) => {
      if (flags.brokers) refuseBrokers();
      const output = outputOf(context, flags);
      const { provider } = await openProvider(context, flags);
      const startedAt = performance.now();
      const { nodes, ...changes } = nodeRequest(flags);
      const block = await provider.request(nodes, changes);
      output.note(`job ${block.job} submitted for ${block.plan.nodes.join(', ')}`);
      if (!flags.detach) {
        const { waitForBlock } = await import('#pilot');
        const onPhase = (phase: { node: string; phase: string }) =>
          output.note(phaseText({ ...phase, ms: performance.now() - startedAt }));
        using _ = output.waiting(`waiting for ${block.plan.nodes.join(', ')}`);
        try {
          await waitForBlock(block, { onPhase, signal: context.signal });
        } catch (thrown) {
          if (context.signal.aborted) await takeBack(provider, block, output);
          throw thrown;
        }
      }
      await output.bareList(block.plan.nodes, { name: String, plain: (node) => ({ node, block: block.plan.block }) });
    });

/** As `up` does when it is interrupted: nobody waits for these nodes any more, and they would be paid for. */
async function takeBack(provider: NodeProvider, { job, plan }: Block, output: Output): Promise<void> {
  try {
    await provider.giveBack(plan.block);
    output.note(`interrupted: job ${job} is given back`);
  } catch (error) {
    output.note(`interrupted, but job ${job} could not be given back: ${messageOf(error)}`);
  }
}

/** Which servers hold the streams is settled at the start. */
function refuseBrokers(): never {
  throw new PlatformError('usage', 'brokers cannot be added to a pilot that runs', {
    hint: 'A lone store restarted as a member of a cluster shows no streams. Bring the pilot up with --brokers 3.',
  });
}

export const pilotShrinkCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'shrink',
    summary: 'give nodes back: drain them, then end their scheduler jobs, the newest first',
    examples: ['pilotfish pilot shrink --nodes 1', 'pilotfish pilot shrink --nodes 2 --grace 2m'],
  })
    .addOption(flag('--nodes <count>', 'how many nodes fewer').default(1).argParser(positiveInteger))
    .addOption(graceFlag())
    .action(async (flags: GraceFlags) => {
      const output = outputOf(context, flags);
      const { provider, pilot } = await openProvider(context, flags);
      const chosen = await chooseJobs(provider, flags.nodes);
      await withPilot(context, pilot, async (client) => {
        for (const node of chosen.flatMap(({ nodes }) => nodes))
          await drain(output, { ...flags, signal: context.signal, lostIsFine: true }, node, client);
      });
      using _ = output.waiting('waiting for the jobs to end');
      await untilEnded(provider, chosen, context.signal).catch((error: unknown) => {
        if (context.signal.aborted) output.note('not waited for: the jobs are given back, and end by themselves');
        throw error;
      });
      const given = chosen.flatMap(({ nodes, block }) => nodes.map((node) => ({ node, block })));
      await output.bareList(given, { name: ({ node }) => node, plain: (each) => each });
    });

/** Throws `usage` where no whole job fits. */
async function chooseJobs(provider: NodeProvider, wanted: number): Promise<readonly NodeJob[]> {
  const { chooseBlocks } = await import('#pilot');
  const jobs = await provider.jobs();
  const spare = jobs.filter((job) => job.spare && job.phase !== 'ended' && job.phase !== 'ending');
  const chosen = chooseBlocks(spare, wanted);
  if (chosen.reduce((sum, { nodes }) => sum + nodes.length, 0) === wanted) return chosen;
  const sizes = spare.map(({ block, nodes }) => `${block} (${nodes.join(', ')})`).join(', ') || 'none';
  throw new PlatformError(
    'usage',
    `${wanted} nodes cannot be given back: jobs go back whole, and these can: ${sizes}`,
    {
      hint: 'The first job holds gateway and broker. Extend in the steps in which you want to shrink.',
    },
  );
}

async function untilEnded(provider: NodeProvider, chosen: readonly NodeJob[], signal: AbortSignal): Promise<void> {
  const names = new Set(chosen.map(({ block }) => block));
  const deadline = performance.now() + endWaitMs;
  for (;;) {
    const left = (await provider.jobs()).filter(({ block, phase }) => names.has(block) && phase !== 'ended');
    if (left.length === 0) return;
    // Again and again: the scheduler may put a job back into the queue that lost its node.
    for (const { block } of left) await provider.giveBack(block);
    if (performance.now() > deadline)
      throw new PlatformError('timeout', `the jobs of ${[...names].join(', ')} do not end`);
    await systemClock.sleep(pollMs, signal);
    signal.throwIfAborted();
  }
}

interface DrainClient {
  drainNode(node: string, graceMs: number): Promise<number>;
}

/** Returns how many instances were ended by force. Ctrl-C ends only the waiting. */
async function drain(
  output: Output,
  {
    grace,
    lostIsFine,
    signal,
  }: Pick<GraceFlags, 'grace'> & { readonly lostIsFine?: boolean; readonly signal: AbortSignal },
  node: string,
  client: DrainClient,
): Promise<number> {
  const startedAt = performance.now();
  using _ = output.waiting(`draining ${node}, at most ${formatDuration(grace)}`);
  const killed = await untilAborted(client.drainNode(node, grace), signal).catch((error: unknown) => {
    if (signal.aborted) output.note(`not waited for: ${node} goes on draining, and takes nothing more`);
    if (signal.aborted || PlatformError.from(error).code !== 'not-found' || !lostIsFine) throw error;
    output.note(`${node} is lost: nothing to drain`);
    return 0;
  });
  const forced = killed === 0 ? '' : `, ${formatCount(killed, 'instance')} ended by force; their events run elsewhere`;
  output.note(`${node} drained in ${formatDuration(performance.now() - startedAt)}${forced}`);
  return killed;
}

export const nodeDrainCommand: CommandFactory = (context): Command =>
  newCommand({
    name: 'drain',
    summary: 'let a node finish what it runs and take nothing more, until the pilot ends',
    examples: ['pilotfish node drain n3', 'pilotfish node drain n3 --grace 2m'],
  })
    .argument('<node>', 'its name, as in `pilotfish node list`')
    .addOption(graceFlag())
    .action(async (node: string, flags: GraceFlags) => {
      const output = outputOf(context, flags);
      const killed = await withPilot(context, flags.pilot, (client) =>
        drain(output, { ...flags, signal: context.signal }, node, client),
      );
      await output.bare(node, { node, endedByForce: killed });
    });

function graceFlag() {
  return flag('--grace <time>', 'what runs longer is ended, and its events run elsewhere')
    .default(graceMsDefault, '30s')
    .argParser(durationBetween('0s', '24h'));
}

async function openProvider(
  context: CliContext,
  options: CommonOptions,
): Promise<{ readonly provider: NodeProvider; readonly pilot: string }> {
  refuseVia(context, 'pilot extend|shrink');
  const { describeEnd, openNodeProvider, resolveHome, resolvePilot } = await import('#pilot');
  const summary = resolvePilot(resolveHome(context.env), options.pilot);
  const end = await describeEnd(summary);
  if (end) throw end;
  return { provider: openNodeProvider(summary.directory, systemClock), pilot: summary.pilot };
}
