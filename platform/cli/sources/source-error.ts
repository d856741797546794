/** Errors of sources and scan files say what is wrong with what the user gave. */
import { messageOf, PlatformError } from '#common';

const ofInput = ['SourceError', 'FormatError', 'RangeError'];

export function sourceError(error: unknown): PlatformError {
  if (!(error instanceof Error) || !ofInput.includes(error.name)) return PlatformError.from(error);
  const isMissing = 'code' in error && error.code === 'missing';
  return new PlatformError(isMissing ? 'not-found' : 'invalid', messageOf(error), { cause: error });
}
