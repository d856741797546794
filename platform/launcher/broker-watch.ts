/**
 * On the other nodes of the job that holds the pilot's only broker: once that has been silent for a minute, and the scheduler
 * has taken its node from the job, the job goes back into the queue and brings the pilot up again with all that was stored.
 * Silence alone is not enough: behind a wire that is cut the pilot may be well.
 */
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { messageOf } from '#common';
import type { NodeConfig } from '#model';
import { type Block, pilotPaths, readBlock, schedulerOf } from '#pilot';
import type { Logger } from '#telemetry';
import { readServers } from './broker-ports.ts';

/** A server that starts anew is back within seconds. */
const silenceMsMax = 60_000;
const lookEveryMs = 5_000;
const connectMsMax = 3_000;
const askEveryMs = 30_000;
/** So many nodes watch: where all of them are lost as well, little is left of the job. */
const watchersMax = 3;

/** Ends with the signal; at once where there is nothing to watch, or a scheduler that brings such a job back by itself. */
export async function watchOnlyBroker(config: NodeConfig, logger: Logger, signal: AbortSignal): Promise<void> {
  const block = watchedBlock(config);
  if (block?.job === undefined) return;
  const { requeueHeadless } = schedulerOf(block);
  if (!requeueHeadless) return;
  let patientUntil = performance.now() + silenceMsMax;
  while (!signal.aborted) {
    await sleep(lookEveryMs, undefined, { signal }).catch(() => undefined);
    if (await answers(readServers(config)?.[0])) patientUntil = performance.now() + silenceMsMax;
    if (signal.aborted || performance.now() < patientUntil) continue;
    patientUntil = performance.now() + askEveryMs;
    try {
      if (!(await requeueHeadless(block.job))) continue;
      logger.warn({ job: block.job }, 'the only broker is lost with its node: the job goes back into the queue');
    } catch (error) {
      logger.warn({ error: messageOf(error) }, 'the only broker is silent, and the scheduler cannot be asked');
    }
  }
}

/** Undefined where this node has nothing to watch: an extension's job waits for the broker's to run again. */
function watchedBlock({ node, block: name, broker, brokers, pilotDirectory }: NodeConfig): Block | undefined {
  if (name === undefined || broker || brokers > 1) return undefined;
  const block = readBlock(join(pilotPaths(pilotDirectory).blocks, name));
  return block?.plan.brokers === 1 && block.plan.nodes.indexOf(node) <= watchersMax ? block : undefined;
}

/** True once somebody takes the connection: a server that is well, whatever it would say. */
async function answers(url: string | undefined): Promise<boolean> {
  if (url === undefined) return false;
  const { hostname: host, port } = new URL(url);
  const { promise, resolve } = Promise.withResolvers<boolean>();
  const socket = connect({ host, port: Number(port), timeout: connectMsMax });
  socket.once('connect', () => resolve(true));
  socket.once('timeout', () => resolve(false));
  socket.once('error', () => resolve(false));
  try {
    return await promise;
  } finally {
    socket.destroy();
  }
}
