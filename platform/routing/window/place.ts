/**
 * Events of a window by number: a message by its sequence, a member of a pack by its sequence and the 256th parts of its place,
 * which a double holds exactly. So members compare, and lie between, as messages do.
 */
import { packMembersMax } from '#packs';

export function placeOf(sequence: number, member: number): number {
  return sequence + member / packMembersMax;
}

/** The message, and which of its members. */
export function splitPlace(place: number): { readonly sequence: number; readonly member: number } {
  const sequence = Math.floor(place);
  return { sequence, member: (place - sequence) * packMembersMax };
}

/** The first place that is behind this one. */
export function afterPlace(place: number): number {
  return place + 1 / packMembersMax;
}

/** As a token of a subject: "12", or "12-3". */
export function placeToken(place: number): string {
  const { sequence, member } = splitPlace(place);
  return member === 0 ? String(sequence) : `${sequence}-${member}`;
}
