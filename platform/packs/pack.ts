/**
 * The pack: several small events of one subject in one message. Pure; layout 1, numbers little-endian:
 *
 *   Pilotfish-Pack: <layout> <members>
 *
 *   u32 members
 *   u32 bytes of its headers, u32 bytes of its payload     once a member
 *   headers (a JSON object, or nothing), payload           once a member
 *
 * A member is named by its place: <sequence of the pack>-<place>. Results of a pack are a pack again, whose id is made of the
 * pack's: it holds the results of all members but those that `Pilotfish-Pack-Left` names, which went on by themselves.
 */
import { PlatformError } from '#common';

export const packHeader = 'Pilotfish-Pack';
export const packLeftHeader = 'Pilotfish-Pack-Left';

const layout = 1;
/** More would gain nothing: at 256 the message's own cost is a hundredth of a member's. */
export const packMembersMax = 256;

export interface PackMember {
  /** JSON text of its headers; empty for none. */
  readonly headers: string;
  readonly payload: Uint8Array;
}

const countBytes = 4;
const entryBytes = 8;
const emptyHeaders = new Uint8Array(0);

/** The header's value. */
export function describePack(members: number): string {
  return `${layout} ${members}`;
}

/** How many members the header says that there are. Throws `corrupt` where it says something else. */
export function describedMembers(text: string): number {
  const [, members = ''] = /^1 (\d{1,3})$/.exec(text) ?? [];
  if (members === '' || Number(members) > packMembersMax)
    throw corrupt(`its header is ${JSON.stringify(text.slice(0, 40))}`);
  return Number(members);
}

/** Bytes that a member adds to a pack. */
export function packedBytes({ headers, payload }: PackMember): number {
  return entryBytes + Buffer.byteLength(headers) + payload.length;
}

/** At most `packMembersMax` members. */
export function encodePack(members: readonly PackMember[]): Buffer {
  const headers = members.map((member) => (member.headers === '' ? emptyHeaders : Buffer.from(member.headers)));
  let at = countBytes + entryBytes * members.length;
  const total = members.reduce((sum, { payload }, index) => sum + (headers[index]?.length ?? 0) + payload.length, at);
  const pack = Buffer.allocUnsafe(total);
  pack.writeUInt32LE(members.length, 0);
  for (const [index, { payload }] of members.entries()) {
    const own = headers[index] ?? emptyHeaders;
    pack.writeUInt32LE(own.length, countBytes + entryBytes * index);
    pack.writeUInt32LE(payload.length, countBytes + entryBytes * index + 4);
    pack.set(own, at);
    pack.set(payload, at + own.length);
    at += own.length + payload.length;
  }
  return pack;
}

/** Payloads are views into the pack. Throws `corrupt` for bytes that are no pack, whatever they are. */
export function decodePack(bytes: Uint8Array): PackMember[] {
  const pack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = memberCount(pack);
  const members: PackMember[] = [];
  let at = countBytes + entryBytes * count;
  for (let index = 0; index < count; index++) {
    const headersEnd = at + pack.readUInt32LE(countBytes + entryBytes * index);
    const end = headersEnd + pack.readUInt32LE(countBytes + entryBytes * index + 4);
    if (end > pack.length) throw corrupt(`member ${index} ends at ${end} of ${pack.length} bytes`);
    const headers = headersEnd === at ? '' : pack.toString('utf8', at, headersEnd);
    members.push({ headers, payload: pack.subarray(headersEnd, end) });
    at = end;
  }
  if (at !== pack.length) throw corrupt(`its members end at ${at} of ${pack.length} bytes`);
  return members;
}

/** True for a whole pack of so many members without headers: it may go on as it is, unopened. */
export function isPlainPack(bytes: Uint8Array, members: number): boolean {
  const pack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = memberCount(pack);
  if (count !== members) return false;
  let end = countBytes + entryBytes * count;
  for (let index = 0; index < count; index++) {
    if (pack.readUInt32LE(countBytes + entryBytes * index) > 0) return false;
    end += pack.readUInt32LE(countBytes + entryBytes * index + 4);
  }
  return end === pack.length;
}

/** How many members its table lists. Throws `corrupt` where the table is not there. */
export function memberCount(bytes: Uint8Array): number {
  const pack = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (pack.length < countBytes) throw corrupt(`it has ${pack.length} bytes`);
  const count = pack.readUInt32LE(0);
  if (count > packMembersMax) throw corrupt(`it says to have ${count} members, ${packMembersMax} are the most`);
  if (countBytes + entryBytes * count > pack.length) throw corrupt(`it has ${pack.length} bytes for ${count} members`);
  return count;
}

/** Places of members that are not in a pack of results. */
export function encodeLeft(places: readonly number[]): string {
  return places.join(',');
}

export function readLeft(text: string | undefined): number[] {
  return text ? text.split(',').map(Number).filter(Number.isSafeInteger) : [];
}

/** Headers that a member's event may not bring with it: what they say is true of messages only. */
const messageHeader = /^(nats-|pilotfish-(pack|claim|version$))/i;

/** Throws `corrupt` for what is no object of texts. */
export function readMemberHeaders(json: string): Record<string, string> {
  if (json === '') return {};
  let parsed: unknown;
  try {
    parsed = JSON.parse(json);
  } catch (error) {
    throw corrupt('the headers of a member are no JSON', error);
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) {
    throw corrupt('the headers of a member are no object');
  }
  const pairs = Object.entries(parsed).filter(([name]) => !messageHeader.test(name));
  if (!pairs.every(([, value]) => typeof value === 'string')) throw corrupt('a header of a member is no text');
  return Object.fromEntries(pairs) as Record<string, string>;
}

function corrupt(what: string, cause?: unknown): PlatformError {
  return new PlatformError('corrupt', `the pack cannot be read: ${what}`, { cause });
}
