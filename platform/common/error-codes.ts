/**
 * The one table of everything that can go wrong: code, whose fault it is, whether trying again can help,
 * the gRPC status it travels as and the CLI's exit code. A test holds the README's table against it.
 */

export type Fault = 'caller' | 'function' | 'platform' | 'node';

interface CodeFacts {
  readonly fault: Fault;
  readonly retryable: boolean;
  /** Numeric gRPC status (grpc/status.h). */
  readonly grpc: number;
  readonly exit: number;
  readonly sentence: string;
}

export const errorCodes = {
  usage: {
    fault: 'caller',
    retryable: false,
    grpc: 3,
    exit: 2,
    sentence: 'The command or request is not well formed.',
  },
  invalid: {
    fault: 'caller',
    retryable: false,
    grpc: 3,
    exit: 3,
    sentence: 'A manifest, bundle or input was refused.',
  },
  'payload-too-large': {
    fault: 'caller',
    retryable: false,
    grpc: 8,
    exit: 3,
    sentence: 'A payload is over its limit.',
  },
  'not-found': { fault: 'caller', retryable: false, grpc: 5, exit: 4, sentence: 'The named thing does not exist.' },
  conflict: { fault: 'caller', retryable: false, grpc: 9, exit: 5, sentence: 'Somebody else changed or holds it.' },
  unauthenticated: { fault: 'caller', retryable: false, grpc: 16, exit: 6, sentence: 'The caller has no valid key.' },
  'permission-denied': { fault: 'caller', retryable: false, grpc: 7, exit: 6, sentence: 'The caller may not do that.' },
  timeout: { fault: 'platform', retryable: true, grpc: 4, exit: 7, sentence: 'It did not end in time.' },
  'function-timeout': {
    fault: 'function',
    retryable: true,
    grpc: 4,
    exit: 7,
    sentence: 'The function ran longer than its timeout.',
  },
  'no-capacity': { fault: 'platform', retryable: true, grpc: 8, exit: 8, sentence: 'No node has room for it.' },
  unavailable: {
    fault: 'platform',
    retryable: true,
    grpc: 14,
    exit: 8,
    sentence: 'A part of the pilot cannot be reached.',
  },
  'function-failed': { fault: 'function', retryable: true, grpc: 2, exit: 1, sentence: 'The function threw.' },
  'function-rejected': {
    fault: 'function',
    retryable: false,
    grpc: 2,
    exit: 1,
    sentence: 'The function refused the event for good.',
  },
  'instance-lost': {
    fault: 'node',
    retryable: true,
    grpc: 14,
    exit: 1,
    sentence: 'The instance ended during the call.',
  },
  'start-failed': { fault: 'function', retryable: true, grpc: 9, exit: 1, sentence: 'An instance could not start.' },
  corrupt: {
    fault: 'platform',
    retryable: false,
    grpc: 15,
    exit: 1,
    sentence: 'Stored bytes are not what their digest says.',
  },
  cancelled: { fault: 'caller', retryable: false, grpc: 1, exit: 130, sentence: 'The caller gave up.' },
  internal: { fault: 'platform', retryable: false, grpc: 13, exit: 1, sentence: 'Pilotfish itself is at fault.' },
} as const satisfies Record<string, CodeFacts>;

export type ErrorCode = keyof typeof errorCodes;

export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(errorCodes, text);
}
