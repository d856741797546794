/** Routes a synchronous call to a node: a ready instance first, then a spare one, else a node that can start one. */
import { type Clock, PlatformError } from '#common';
import type { FunctionVersion, InvokeRequest, InvokeResponse } from '#proto';
import { latestAlias, type Registry } from '#registry';
import { mayRunOn } from '#routing';
import { invokePayloadBytesMax, type Leaving } from '#rpc';
import type { Changes } from '../changes.ts';
import type { AgentCallOptions } from '../nodes/call-line.ts';
import type { Fleet } from '../nodes/fleet.ts';
import type { ScalingLoop } from '../scaling/scaling-loop.ts';
import { chooseNode } from './choose-node.ts';

export interface InvokeOptions {
  readonly registry: Registry;
  readonly fleet: Fleet;
  readonly scaling: ScalingLoop;
  readonly changes: Changes;
  readonly clock: Clock;
}

/** What few calls have. */
export interface CallExtras {
  /** Given, the answer comes in pieces. */
  readonly onChunk?: (chunk: Buffer) => void;
  /** It was stored before: since when it could have run. */
  readonly dueMs?: number;
}

/** A call without a free slot waits this long for one: an idle instance of another function may give way. */
const slotWaitMs = 5_000;

/** A call may ask for a shorter timeout than the function's, or up to this. */
const timeoutMsMax = 24 * 3_600_000;

export async function invoke(
  request: InvokeRequest,
  caller: Leaving,
  options: InvokeOptions,
  { onChunk, dueMs = options.clock.now() }: CallExtras = {},
): Promise<InvokeResponse> {
  const version = versionFor(request, options.registry);
  if (request.payload.length > invokePayloadBytesMax) {
    throw new PlatformError(
      'payload-too-large',
      `the payload has ${request.payload.length} bytes, the limit of an invocation is ${invokePayloadBytesMax}`,
      {
        hint: 'Publish large data as an event instead.',
      },
    );
  }
  const call = {
    version,
    payload: request.payload,
    headers: request.headers,
    timeoutMs: Math.min(request.timeoutMs || (version.spec?.timeoutMs ?? 30_000), timeoutMsMax),
    caller,
    onChunk,
    dueMs,
  };
  const end = options.scaling.beginCall(version.function);
  try {
    return await callSomewhere(call, options);
  } finally {
    end();
  }
}

/** The canary has its share of the calls that name no other version than the latest. */
function versionFor({ function: name, version }: InvokeRequest, registry: Registry): FunctionVersion {
  const tried = version === '' || version === latestAlias ? registry.canaryOf(name) : undefined;
  return tried && Math.random() * 100 < tried.canary.percent ? tried.version : registry.resolve(name, version);
}

/** Waits for a slot where there is none. Throws `no-capacity` when none became free in time, and what the call throws. */
async function callSomewhere(
  call: AgentCallOptions,
  { fleet, scaling, changes, clock }: InvokeOptions,
): Promise<InvokeResponse> {
  const { version, caller } = call;
  const deadline = clock.monotonic() + slotWaitMs;
  for (;;) {
    const link = chooseNode(fleet.ready(), version);
    try {
      if (link) return { ...(await link.call(call)), node: link.entry.node, version: version.number };
    } catch (error) {
      // A slot that the node's last report showed free may have been taken since.
      if (PlatformError.from(error).code !== 'no-capacity') throw error;
    }
    const left = deadline - clock.monotonic();
    if (left <= 0 || caller.signal.aborted) throw noSlot(version, fleet);
    scaling.hurry();
    await changes.next(clock, left, caller.signal);
  }
}

function noSlot(version: FunctionVersion, fleet: Fleet): PlatformError {
  if (!fleet.placeable().some(({ entry }) => mayRunOn(version.spec, entry))) {
    return new PlatformError('no-capacity', `no node of the pilot has what ${version.function} asks for`, {
      hint: `\`pilotfish scale explain ${version.function}\` says what, \`pilotfish node list -o wide\` what there is.`,
    });
  }
  const message = `no node has had a free slot for ${version.function} for ${slotWaitMs / 1_000} s`;
  return new PlatformError('no-capacity', message, { hint: '`pilotfish node list` shows the slots in use.' });
}
