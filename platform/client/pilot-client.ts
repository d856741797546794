/** A program's way to a pilot's gateway: deploy, look, invoke. Every method rejects with a PlatformError. */
import { once } from 'node:events';
import { formatBytes, PlatformError } from '#common';
import type { Connection } from '#model';
import {
  type DeadLetter,
  type DeployRequest,
  type DeployResponse,
  type FunctionSpec,
  type FunctionSummary,
  type FunctionVersion,
  GatewayClient,
  type GetCallResponse,
  type GetDeadLetterResponse,
  type GetFunctionResponse,
  type GetNodeScaleResponse,
  type GetScaleResponse,
  type InvokeRequest,
  type InvokeResponse,
  type LogsResponse,
  type Node,
  type RedriveDeadLettersResponse,
  type RollbackResponse,
  type ScaleOverride,
  type Secret,
  type StoredCall,
  type TriggerSummary,
  type UsageRow,
  type WatchRequest,
  type WatchResponse,
} from '#proto';
import { artifactChunkBytes, callUnary, fromServiceError, invokePayloadBytesMax, openClient, readStream } from '#rpc';
import { AccessClient } from './access-client.ts';
import { answerMarginMs, bulkMsMax, invokeMsMax } from './limits.ts';

/** What `bundleFunction` makes. */
export interface Deployable {
  readonly spec: FunctionSpec;
  readonly artifact: Uint8Array;
  readonly artifactDigest: string;
  readonly sourceMap: Uint8Array;
  /** Files that travel beside the artifact. */
  readonly files: readonly {
    readonly path: string;
    readonly digest: string;
    readonly bytes: number;
    readonly data: Uint8Array;
  }[];
}

/** How a version is tried beside the latest one. */
export interface CanaryOptions {
  /** Of 100 calls and events, how many: 1 to 99. */
  readonly percent: number;
  /** It is withdrawn when more of 100 fail. */
  readonly errorPercentMax: number;
  /** It is withdrawn when its p99 is longer; left out: however long it takes. */
  readonly p99MsMax?: number;
}

export interface InvokeOptions {
  /** Number or alias; default "latest". */
  readonly version?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Default: the function's own timeout. */
  readonly timeoutMs?: number;
  readonly signal?: AbortSignal;
}

export interface LogsOptions {
  readonly follow?: boolean;
  /** Milliseconds since 1970; default: all that is kept. */
  readonly sinceMs?: number;
  /** Goes on behind a line that was read before: its sequence and one. */
  readonly fromSequence?: number;
  /** Only lines of this level and worse. */
  readonly level?: 'debug' | 'info' | 'warn' | 'error';
  readonly signal?: AbortSignal;
}

/** Opens nothing yet: the first call dials. Close it, or the process stays. */
export function connectPilot(connection: Connection): PilotClient {
  return new PilotClient(connection);
}

export class PilotClient {
  readonly pilot: string;
  readonly access: AccessClient;
  readonly #client: GatewayClient;

  constructor(connection: Connection) {
    this.pilot = connection.pilot;
    const { gateway, tls } = connection;
    const addresses = [gateway.address, ...gateway.others];
    this.#client = openClient(GatewayClient, { address: anyOf(addresses), serverName: gateway.serverName, tls });
    this.access = new AccessClient(this.#client);
  }

  /** Uploads a function; the same artifact and spec again change nothing. With `canary` it is given part of the work. */
  async deploy(bundle: Deployable, canary?: CanaryOptions): Promise<DeployResponse> {
    const { promise, resolve, reject } = Promise.withResolvers<DeployResponse>();
    const stream = this.#client.deploy((error, response) =>
      error ? reject(fromServiceError(error)) : resolve(response),
    );
    // grpc-js tells of a refusal twice; the callback's is enough.
    stream.on('error', () => undefined);
    const failed = promise.then(
      () => undefined,
      () => undefined,
    );
    for (const part of deployParts(bundle, canary)) {
      if (!stream.writable) break;
      if (!stream.write(part)) await Promise.race([once(stream, 'drain'), failed]);
    }
    stream.end();
    return promise;
  }

  async list(): Promise<FunctionSummary[]> {
    return (await callUnary(this.#client.listFunctions.bind(this.#client), {})).functions;
  }

  /** Throws `not-found`. */
  async get(name: string): Promise<GetFunctionResponse> {
    return callUnary(this.#client.getFunction.bind(this.#client), { name });
  }

  async remove(name: string): Promise<void> {
    await callUnary(this.#client.deleteFunction.bind(this.#client), { name });
  }

  async setAlias(name: string, alias: string, number: number): Promise<void> {
    await callUnary(this.#client.setAlias.bind(this.#client), { name, alias, number });
  }

  /** Withdraws the canary; without one goes back to the version named, or to the one before. Throws `not-found`. */
  async rollback(name: string, version = ''): Promise<RollbackResponse> {
    return callUnary(this.#client.rollback.bind(this.#client), { name, version });
  }

  /** Makes the canary the latest version. Throws `not-found`. */
  async promote(name: string): Promise<FunctionVersion | undefined> {
    return (await callUnary(this.#client.promote.bind(this.#client), { name })).version;
  }

  /** Throws `payload-too-large` before anything is sent, `not-found`, `function-failed` with the mapped stack, and others. */
  async invoke(name: string, payload: Uint8Array, options: InvokeOptions = {}): Promise<InvokeResponse> {
    const request = invokeRequest(name, payload, options);
    const { timeoutMs = 0, signal } = options;
    return callUnary(this.#client.invoke.bind(this.#client), request, {
      timeoutMs: timeoutMs > 0 ? timeoutMs + answerMarginMs : invokeMsMax,
      ...(signal ? { signal } : {}),
    });
  }

  /** The same with the answer in pieces, as the function yields them; what it throws comes after the pieces before it. */
  async *invokeStream(
    name: string,
    payload: Uint8Array,
    options: InvokeOptions = {},
  ): AsyncGenerator<Buffer, InvokeResponse | undefined, void> {
    const { signal } = options;
    let end: InvokeResponse | undefined;
    for await (const { part } of readStream(
      this.#client.invokeStream({ call: invokeRequest(name, payload, options) }),
      signal,
    )) {
      if (part?.$case === 'chunk') yield part.chunk;
      else end = part?.end;
    }
    return end;
  }

  /** Stores the call and resolves to its id; the result is kept for `keepMs`, by default a day. */
  async invokeAsync(
    name: string,
    payload: Uint8Array,
    options: InvokeOptions & { readonly keepMs?: number } = {},
  ): Promise<string> {
    const request = { call: invokeRequest(name, payload, options), keepMs: options.keepMs ?? 0 };
    return (await callUnary(this.#client.invokeAsync.bind(this.#client), request)).callId;
  }

  /** How an asynchronous call stands, with its result once it is done. Throws `not-found`. */
  async call(callId: string): Promise<GetCallResponse> {
    return callUnary(this.#client.getCall.bind(this.#client), { callId });
  }

  /** The same once it has ended; throws `timeout` where that takes longer. */
  async waitCall(callId: string, timeoutMs: number, signal?: AbortSignal): Promise<GetCallResponse> {
    const settings = { timeoutMs: timeoutMs + answerMarginMs, ...(signal ? { signal } : {}) };
    return callUnary(this.#client.waitCall.bind(this.#client), { callId, timeoutMs }, settings);
  }

  /** Asynchronous calls, oldest first; all where `limit` is 0. */
  async *calls(functionName = '', limit = 0, signal?: AbortSignal): AsyncGenerator<StoredCall, void, void> {
    const request = { function: functionName, limit };
    for await (const { call } of readStream(this.#client.listCalls(request), signal)) if (call) yield call;
  }

  /** Stops it where it waits or runs; one that had ended stays as it was. */
  async cancelCall(callId: string): Promise<StoredCall | undefined> {
    return (await callUnary(this.#client.cancelCall.bind(this.#client), { callId })).call;
  }

  /** Instances that start from now on are given the value. */
  async setSecret(name: string, value: string): Promise<void> {
    await callUnary(this.#client.setSecret.bind(this.#client), { name, value: Buffer.from(value) });
  }

  /** Names and times, never values. */
  async secrets(): Promise<Secret[]> {
    return (await callUnary(this.#client.listSecrets.bind(this.#client), {})).secrets;
  }

  /** Throws `not-found`. */
  async deleteSecret(name: string): Promise<void> {
    await callUnary(this.#client.deleteSecret.bind(this.#client), { name });
  }

  /** Of one function, or of all. Throws `not-found`. */
  async triggers(functionName = ''): Promise<TriggerSummary[]> {
    return (await callUnary(this.#client.listTriggers.bind(this.#client), { function: functionName })).triggers;
  }

  /** What comes for a paused trigger is kept until it is resumed. False where it was so already. Throws `not-found`. */
  async pauseTrigger(functionName: string, trigger: string, paused: boolean): Promise<boolean> {
    const request = { function: functionName, trigger, paused };
    return (await callUnary(this.#client.pauseTrigger.bind(this.#client), request)).changed;
  }

  /** Why it has as many instances as it has. */
  async scale(name: string): Promise<GetScaleResponse> {
    return await callUnary(this.#client.getScale.bind(this.#client), { name });
  }

  /** How many nodes the pilot has, may have and asks for, and why. */
  async nodeScale(): Promise<GetNodeScaleResponse> {
    return await callUnary(this.#client.getNodeScale.bind(this.#client), {});
  }

  /** Bounds, weight and pauses above the manifest's; undefined: the manifest's again. */
  async setScale(name: string, override: ScaleOverride | undefined): Promise<ScaleOverride | undefined> {
    return (await callUnary(this.#client.setScale.bind(this.#client), { name, override })).override;
  }

  /** What each version, or each scan, has done and held since the pilot began. */
  async usage({ byScan = false } = {}): Promise<UsageRow[]> {
    return (await callUnary(this.#client.getUsage.bind(this.#client), { byScan })).rows;
  }

  async nodes(): Promise<Node[]> {
    return (await callUnary(this.#client.listNodes.bind(this.#client), {})).nodes;
  }

  /** Resolves once so many nodes are ready; throws `timeout`. */
  async waitReady(nodes: number, timeoutMs: number): Promise<Node[]> {
    const call = this.#client.waitReady.bind(this.#client);
    return (await callUnary(call, { nodes, timeoutMs }, { timeoutMs: timeoutMs + answerMarginMs })).nodes;
  }

  /** Resolves once the node is empty, with the instances that had to be ended by force. */
  async drainNode(node: string, graceMs: number): Promise<number> {
    const limits = { timeoutMs: graceMs + 2 * answerMarginMs };
    return (await callUnary(this.#client.drainNode.bind(this.#client), { node, graceMs }, limits)).killed;
  }

  /** The pilot's state, now and after every change, until the signal aborts or the loop is left. */
  watch(
    signal?: AbortSignal,
    { everyMs = 0, history = false }: Partial<WatchRequest> = {},
  ): AsyncIterable<WatchResponse> {
    return readStream(this.#client.watch({ everyMs, history }), signal);
  }

  /** Kept lines, oldest first; with `follow` also those to come. */
  logs(name: string, options: LogsOptions = {}): AsyncIterable<LogsResponse> {
    const { follow = false, sinceMs = 0, fromSequence = 0, level = '', signal } = options;
    return readStream(this.#client.logs({ function: name, follow, sinceMs, fromSequence, level }), signal);
  }

  /** What failed for good, oldest first; all where `limit` is 0. */
  async *deadLetters(name: string, limit = 0, signal?: AbortSignal): AsyncGenerator<DeadLetter, void, void> {
    for await (const { letter } of readStream(this.#client.listDeadLetters({ function: name, limit }), signal))
      if (letter) yield letter;
  }

  /** One of them with its payload. Throws `not-found`. */
  async deadLetter(name: string, sequence: number): Promise<GetDeadLetterResponse> {
    return await callUnary(this.#client.getDeadLetter.bind(this.#client), { function: name, sequence });
  }

  /** Gives events back to the function; all that can be where no sequence is named. */
  async redrive(name: string, sequences: readonly number[] = []): Promise<RedriveDeadLettersResponse> {
    const call = this.#client.redriveDeadLetters.bind(this.#client);
    return await callUnary(call, { function: name, sequences: [...sequences] }, { timeoutMs: bulkMsMax });
  }

  /** Deletes dead letters for good; all where no sequence is named. */
  async purgeDeadLetters(name: string, sequences: readonly number[] = []): Promise<number> {
    const call = this.#client.purgeDeadLetters.bind(this.#client);
    return (await callUnary(call, { function: name, sequences: [...sequences] }, { timeoutMs: bulkMsMax })).purged;
  }

  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A target of which gRPC takes the first that answers, again after each loss: only the acting gateway listens. */
function anyOf(addresses: readonly string[]): string {
  return addresses.length === 1 ? (addresses[0] ?? '') : `ipv4:${addresses.join(',')}`;
}

/** Throws `payload-too-large` before anything is sent. */
function invokeRequest(name: string, payload: Uint8Array, options: InvokeOptions): InvokeRequest {
  if (payload.byteLength > invokePayloadBytesMax) {
    const sizes = `${formatBytes(payload.byteLength)} (${payload.byteLength} bytes); the limit is ${formatBytes(invokePayloadBytesMax)}`;
    throw new PlatformError('payload-too-large', `the payload for "${name}" has ${sizes}`, {
      hint: 'Publish it as an event, or send a reference to a file that the nodes can read.',
    });
  }
  const { version = '', headers = {}, timeoutMs = 0 } = options;
  return {
    function: name,
    version,
    payload: Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength),
    headers: { ...headers },
    timeoutMs,
  };
}

function* deployParts(bundle: Deployable, canary?: CanaryOptions): Generator<DeployRequest> {
  const files = bundle.files.map(({ path, digest, bytes }) => ({ path, digest, bytes }));
  const { spec, artifactDigest } = bundle;
  const tried = canary && { p99MsMax: 0, ...canary, number: 0, startedAtMs: 0, ended: '' };
  yield { part: { $case: 'header', header: { spec, artifactDigest, files, canary: tried } } };
  for (const chunk of chunks(bundle.artifact)) yield { part: { $case: 'artifactChunk', artifactChunk: chunk } };
  for (const chunk of chunks(bundle.sourceMap)) yield { part: { $case: 'sourceMapChunk', sourceMapChunk: chunk } };
  for (const [index, { data }] of bundle.files.entries())
    for (const chunk of chunks(data)) yield { part: { $case: 'fileChunk', fileChunk: { index, data: chunk } } };
}

function* chunks(bytes: Uint8Array): Generator<Buffer> {
  for (let from = 0; from < bytes.byteLength; from += artifactChunkBytes) {
    yield Buffer.from(bytes.subarray(from, from + artifactChunkBytes));
  }
}
