/** A program's way to a pilot's gateway: deploy, look, invoke. Every method rejects with a PlatformError. */
import type { Connection } from '#model';
import {
  type DeadLetter,
  type DeployResponse,
  type FunctionSummary,
  type FunctionVersion,
  GatewayClient,
  GatewayService,
  type GetCallResponse,
  type GetDeadLetterResponse,
  type GetFunctionResponse,
  type GetNodeScaleResponse,
  type GetScaleResponse,
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
import { callUnary, openClient, readStream, UnaryClient } from '#rpc';
import { AccessClient } from './access-client.ts';
import { type InvokeOptions, invokeRequest } from './invoke-request.ts';
import { answerMarginMs, bulkMsMax, unboundedMs } from './limits.ts';
import type { LogsOptions } from './logs-options.ts';
import { type CanaryOptions, type Deployable, uploadFunction } from './upload-function.ts';

/** Opens nothing yet: the first call dials. Close it, or the process stays. */
export function connectPilot(connection: Connection): PilotClient {
  return new PilotClient(connection);
}

export class PilotClient {
  readonly pilot: string;
  readonly access: AccessClient;
  readonly #client: GatewayClient;
  readonly #calls: UnaryClient;

  constructor(connection: Connection) {
    this.pilot = connection.pilot;
    const { gateway, tls } = connection;
    const addresses = [gateway.address, ...gateway.others];
    this.#client = openClient(GatewayClient, { address: anyOf(addresses), serverName: gateway.serverName, tls });
    this.#calls = new UnaryClient({ addresses, serverName: gateway.serverName, tls });
    this.access = new AccessClient(this.#client);
  }

  /** Uploads a function; the same artifact and spec again change nothing. With `canary` it is given part of the work. */
  async deploy(bundle: Deployable, canary?: CanaryOptions): Promise<DeployResponse> {
    return await uploadFunction(this.#client, bundle, canary);
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
    return this.#calls.call(GatewayService.invoke, request, {
      timeoutMs: timeoutMs > 0 ? timeoutMs + answerMarginMs : unboundedMs,
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
    this.#calls.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** A target of which gRPC takes the first that answers, again after each loss: only the acting gateway listens. */
function anyOf(addresses: readonly string[]): string {
  return addresses.length === 1 ? (addresses[0] ?? '') : `ipv4:${addresses.join(',')}`;
}
