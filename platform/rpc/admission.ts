/** A door before the methods of a service: who may call what is decided before a handler sees the call. */
import type { handleUnaryCall, UntypedServiceImplementation } from '@grpc/grpc-js';
import type { ErrorCode } from '#common';
import { callers } from './callers.ts';
import type { Caller, ConnectionBook } from './connection-book.ts';
import { fromServiceError, toServiceError } from './service-error.ts';

export interface AdmittedCall {
  /** `Invoke`, the name in the proto file; those of standard services with their service, `Health/Check`. */
  readonly method: string;
  readonly caller: Caller;
  /** Undefined where the client sends a stream. */
  readonly request: unknown;
}

export interface Admission {
  /** Throws to refuse; returns what is told of the outcome, once. */
  admit(call: AdmittedCall): ((outcome: ErrorCode | 'ok') => void) | undefined;
}

type AnyHandler = (call: AnyServerCall, callback?: Parameters<handleUnaryCall<unknown, unknown>>[1]) => unknown;
interface AnyServerCall {
  readonly request?: unknown;
  getPeer(): string;
  getPath(): string;
  emit(event: 'error', error: Error): unknown;
  once(event: 'cancelled' | 'finish', listener: () => void): unknown;
}

/** The same implementation behind the admission; handlers find their caller in `callers`. */
export function behind(
  admission: Admission | undefined,
  book: ConnectionBook,
  implementation: UntypedServiceImplementation,
): UntypedServiceImplementation {
  return Object.fromEntries(
    Object.entries(implementation).map(([name, handler]) => [
      name,
      guarded(handler as unknown as AnyHandler, admission, book),
    ]),
  ) as unknown as UntypedServiceImplementation;
}

function guarded(handler: AnyHandler, admission: Admission | undefined, book: ConnectionBook): AnyHandler {
  return (call, callback) => {
    const caller = book.callerAt(call.getPeer());
    callers.set(call, caller);
    let tell: ((outcome: ErrorCode | 'ok') => void) | undefined;
    try {
      tell = admission?.admit({ method: methodOf(call.getPath()), caller, request: call.request });
    } catch (thrown) {
      const error = toServiceError(thrown);
      return callback ? callback(error) : call.emit('error', error);
    }
    if (!callback) {
      // A stream may be cancelled after it has finished, and must not be let go of twice.
      const once = (outcome: ErrorCode | 'ok') => {
        tell?.(outcome);
        tell = undefined;
      };
      call.once('finish', () => once('ok'));
      call.once('cancelled', () => once('cancelled'));
      return handler(call);
    }
    if (!tell) return handler(call, callback);
    const settle = tell;
    return handler(call, (error, ...answer) => {
      settle(error ? fromServiceError(error).code : 'ok');
      callback(error, ...answer);
    });
  };
}

/** "/pilotfish.v1.Gateway/Invoke" -> "Invoke"; of a standard service "/grpc.health.v1.Health/Check" -> "Health/Check". */
function methodOf(path: string): string {
  const [, service = '', method = ''] = path.split('/');
  return service.startsWith('pilotfish.') ? method : `${service.split('.').at(-1)}/${method}`;
}
