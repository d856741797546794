/** What an agent and its spawner say to each other over Node's IPC channel. */

export interface SpawnRequest {
  readonly kind: 'spawn';
  readonly instance: string;
  /** Program and arguments. */
  readonly argv: readonly [string, ...string[]];
  readonly env: Record<string, string>;
  readonly cwd: string;
  /** Where the instance finds its end of the socket: as fd 3, or as standard input and output. */
  readonly transport: 'fd3' | 'stdio';
  /** The agent's Unix socket. */
  readonly socketPath: string;
}

export interface KillRequest {
  readonly kind: 'kill';
  readonly instance: string;
  readonly signal: 'SIGTERM' | 'SIGKILL';
}

/** Binds all threads of an instance to processors. */
export interface PinRequest {
  readonly kind: 'pin';
  readonly instance: string;
  readonly cores: readonly number[];
}

export type SpawnerRequest = SpawnRequest | KillRequest | PinRequest;

export type SpawnerReport =
  | { readonly kind: 'spawned'; readonly instance: string; readonly pid: number; readonly startTicks: string }
  | { readonly kind: 'failed'; readonly instance: string; readonly message: string }
  | { readonly kind: 'exited'; readonly instance: string; readonly code: number | null; readonly signal: string | null }
  /** Lines that the instance wrote to stdout or stderr itself. */
  | {
      readonly kind: 'output';
      readonly instance: string;
      readonly level: 'info' | 'error';
      readonly text: string;
      /** No line, but so many that came too fast. */
      readonly dropped?: number;
    };
