/** One call of a function: an event or an invocation on its way through an instance. */
import type { LeftFile } from '#claims';
import type { ErrorHeader, PartHeader, PartsEndHeader } from '#frames';

/** A result that lies in a file and is not in `body`: whoever gets it moves it away or not, and says when it is done with it. */
export interface LeftResult extends LeftFile {
  /** Removes it where it still is. */
  readonly release: () => void;
}

/** How a call ended. */
export type CallOutcome =
  | {
      readonly kind: 'result';
      readonly form: number;
      /** JSON (OutputHeader[]) for the form `several`. */
      readonly header: string;
      readonly body: Uint8Array;
      readonly left?: LeftResult;
      /** The payload has left the agent whole: one that answers early could still be sent some of it. */
      readonly spent?: boolean;
    }
  | { readonly kind: 'failed'; readonly error: ErrorHeader }
  | { readonly kind: 'timeout'; readonly timeoutMs: number }
  /** The instance ended while the call ran in it; `ended`: at our word, and not of itself. */
  | { readonly kind: 'lost'; readonly reason: string; readonly ended: boolean }
  /** Nobody could run it: no instance could be started; `full`: for want of a slot, which an idle instance may soon give. */
  | { readonly kind: 'unstartable'; readonly reason: string; readonly full?: boolean };

export interface Call {
  /** CallHeader as JSON. */
  readonly header: string;
  readonly body: Uint8Array;
  /** The body is empty: the header says where the payload lies. */
  readonly claimed?: boolean;
  /** The body is a pack of so many events, which are answered together. */
  readonly packed?: number | undefined;
  readonly timeoutMs: number;
  /** Its result may be left in a file. */
  readonly mayLeave?: boolean;
  /** What it is counted for. */
  readonly scan?: string | undefined;
  /** Called once, unless the call was abandoned with its instance. */
  readonly settle: (outcome: CallOutcome, ran: CallRun) => void;
  /** A piece of a streamed answer, in order; the outcome ends them. */
  readonly onChunk?: (data: Uint8Array) => void;
  /** Of a call that follows an open key: called when an instance has it, and again for another instance. */
  readonly openFeed?: ((to: PartReceiver) => OpenFeed) | undefined;
}

/** Where the parts of an open key go. */
export interface PartReceiver {
  part(header: PartHeader, body: Uint8Array): void;
  /** The last word. */
  end(header: PartsEndHeader): void;
}

/** What gives them. */
export interface OpenFeed {
  /** The handler has taken the oldest one. */
  taken(): void;
  /** The call has ended. */
  stop(): void;
}

/** Where and how long a call ran. */
export interface CallRun {
  readonly instance: string;
  readonly ms: number;
  /** When it began, milliseconds since 1970, where the instance has said so. */
  readonly beganMs?: number;
}
