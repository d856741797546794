/** What a handler threw, as text: for what is no Error, what it is. Never throws, whatever its getters do. */
import { inspect } from 'node:util';

export function textOfThrown(thrown: unknown): string {
  try {
    if (thrown instanceof Error) return thrown.message;
    return typeof thrown === 'string' ? thrown : `it threw ${inspect(thrown)}, which is no Error`;
  } catch (error) {
    return error === thrown ? 'it threw what cannot be shown' : textOfThrown(error);
  }
}
