/** Gives the members of a pack to a function's handler: in batches, or one by one where it handles single events. */
import { formatCount, PlatformError } from '#common';
import type { CallHeader } from '#frames';
import { decodePack, type PackMember, readMemberHeaders } from '#packs';
import { type FunctionDefinition, type FunctionEvent, type FunctionResult, outputs } from '#sdk';
import { BatchContext, HostContext, HostEvent, type HostLink, LazyCall } from './call-context.ts';
import { textOfThrown } from './thrown-text.ts';

export interface PackedCall {
  readonly call: LazyCall;
  readonly pack: Uint8Array;
  readonly link: HostLink;
}

/** One result, or what it failed with, for each member. Rejects with `corrupt` for what is no pack. */
export async function handlePack(
  definition: FunctionDefinition,
  { call, pack, link }: PackedCall,
): Promise<(FunctionResult | Error)[]> {
  const members = decodePack(pack).map((member, place) => ({
    call: new MemberCall(call, place, member),
    body: member.payload,
  }));
  const results: (FunctionResult | Error)[] = [];
  const { size } = link.load.batch;
  for (let from = 0; from < members.length; from += size) {
    const batch = members.slice(from, from + size);
    results.push(...(await handleMembers(definition, batch, link)));
    for (const member of batch) member.call.end();
  }
  return results;
}

type Member = { readonly call: LazyCall; readonly body: Uint8Array };

async function handleMembers(
  definition: FunctionDefinition,
  batch: readonly Member[],
  link: HostLink,
): Promise<readonly (FunctionResult | Error)[]> {
  if ('handle' in definition) {
    const results: (FunctionResult | Error)[] = [];
    for (const { call, body } of batch) results.push(await handleOne(definition, call, body, link).catch(asError));
    return results;
  }
  const events: FunctionEvent[] = batch.map(({ call, body }) => new HostEvent(call, body));
  const calls = batch.map(({ call }) => call);
  try {
    const results: unknown = await definition.handleBatch(events, new BatchContext(calls, link));
    requireResults(results, calls.length);
    return results;
  } catch (error) {
    return calls.map(() => asError(error));
  }
}

// biome-ignore lint/complexity/useMaxParams: a call, its payload, who handles it, and for whom.
async function handleOne(
  definition: Extract<FunctionDefinition, { handle: unknown }>,
  call: LazyCall,
  body: Uint8Array,
  link: HostLink,
): Promise<FunctionResult> {
  const answer = definition.handle(new HostEvent(call, body), new HostContext(call, link));
  const settled = await answer;
  return isPieces(settled) ? outputs(await Array.fromAsync(settled)) : settled;
}

function isPieces(answer: unknown): answer is AsyncIterable<FunctionResult> {
  return typeof answer === 'object' && answer !== null && Symbol.asyncIterator in answer;
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(textOfThrown(thrown), { cause: thrown });
}

/** A member as a call of its own: named by its place, with its own headers, and the pack's clock. */
class MemberCall extends LazyCall {
  readonly #pack: LazyCall;
  readonly #place: number;
  readonly #member: PackMember;
  #own: CallHeader | undefined;

  constructor(pack: LazyCall, place: number, member: PackMember) {
    super(pack.frameId, noHeader);
    this.#pack = pack;
    this.#place = place;
    this.#member = member;
  }

  override get header(): CallHeader {
    this.#own ??= this.#read();
    return this.#own;
  }

  #read(): CallHeader {
    const { header } = this.#pack;
    const named = { ...header, i: `${header.i}-${this.#place}` };
    return this.#member.headers === '' ? named : { ...named, h: readMemberHeaders(this.#member.headers) };
  }
}

const noHeader = new Uint8Array(0);

export function requireResults(
  results: unknown,
  count: number,
): asserts results is readonly (FunctionResult | Error)[] {
  if (Array.isArray(results) && results.length === count) return;
  const what = Array.isArray(results) ? formatCount(results.length, 'result') : `${typeof results} instead of an array`;
  throw new PlatformError('function-failed', `handleBatch returned ${what} for ${formatCount(count, 'event')}`, {
    hint: 'Return one result an event, in order: a value, undefined, or an Error for an event that failed.',
  });
}
