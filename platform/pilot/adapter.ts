/** The port behind which every kind of resource stands: a machine, a scheduler's job, a list of hosts. */
import type { NodeConfig } from '#model';
import type { LauncherProgress } from './files/progress.ts';
import type { ProcessId } from './files/records.ts';

export interface NodeStart {
  readonly config: NodeConfig;
  /** Where `config` was written. */
  readonly configFile: string;
  readonly logFile: string;
  readonly onProgress: (progress: LauncherProgress) => void;
  /** The launcher ended before it was let go. */
  readonly onEnd: (reason: string) => void;
}

export interface StartedNode {
  readonly node: string;
  /** Lets the launcher live on without us. */
  release(): void;
}

export interface PilotAdapter {
  /** As in `--resource local://`. */
  readonly scheme: string;
  /** Address of the node with this index, from 0. */
  hostOf(index: number): string;
  startNode(start: NodeStart): StartedNode;
  /** Signals a launcher of a record; false when it is gone. */
  signal(launcher: ProcessId, signal: NodeJS.Signals): boolean;
  isAlive(launcher: ProcessId): boolean;
}
