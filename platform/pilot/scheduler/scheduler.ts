/** The port behind which every batch system stands, and the nouns it speaks of. A job here is always the scheduler's. */

/** What is asked of the scheduler for one job: a block of nodes that come and go together. */
export interface NodeRequest {
  readonly nodes: number;
  /** Left off: whole nodes. */
  readonly coresPerNode?: number | undefined;
  readonly memoryPerNodeBytes?: number | undefined;
  readonly gpusPerNode?: number | undefined;
  /** What functions may ask of these nodes; the scheduler is not told. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly walltimeMs?: number | undefined;
  /** Partition, where the scheduler calls it so. */
  readonly queue?: string | undefined;
  /** Account, where the scheduler calls it so. */
  readonly project?: string | undefined;
  readonly reservation?: string | undefined;
  readonly qos?: string | undefined;
  readonly constraint?: string | undefined;
  /** Added to the job script as they are, behind the scheduler's own mark: `--exclude=n7`. */
  readonly directives?: readonly string[] | undefined;
  /** Set on every node. */
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly modules?: readonly string[] | undefined;
}

export interface JobRequest extends NodeRequest {
  readonly name: string;
  /** Absolute, on the shared file system: where the job starts, and where it writes `output.log`. */
  readonly directory: string;
  readonly outputFile: string;
  /** Run once on each node, with the node's place in the job, from 0, as its one argument. */
  readonly nodeScript: string;
  /** Removed when the job starts: what an earlier run of it has left, should the scheduler have put it back into the queue. */
  readonly staleFiles?: readonly string[];
  /** Ids of the pilot's other jobs that live: where hosts are named by hand, theirs are taken. */
  readonly otherJobs?: readonly string[];
}

/** `queued` has not started, or was put back; `ending` still holds its nodes. */
export type JobPhase = 'queued' | 'running' | 'ending' | 'ended';

export interface JobState {
  readonly id: string;
  readonly phase: JobPhase;
  /** The scheduler's own word for it, and why it waits or ended. */
  readonly word: string;
  readonly reason: string;
  /** Milliseconds since 1970: when it started, or is expected to. */
  readonly startAtMs?: number | undefined;
  /** When its walltime is over. */
  readonly endAtMs?: number | undefined;
}

/** A command to run and what its output means. */
export interface Command {
  readonly argv: readonly string[];
}

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface StateQuery extends Command {
  /** Undefined: this form is not understood here, the next one is tried. Throws the scheduler's own complaint. */
  readonly parse: (result: CommandResult) => readonly JobState[] | undefined;
}

/** For a scheduler that keeps a job without the node on which its script ran, though nothing would end it any more. */
export interface HeadlessJobs {
  /** Which node that is, or was. */
  readonly firstNode: (id: string) => Command & { readonly parse: (result: CommandResult) => string | undefined };
  /** Answers with the job if it has this node. */
  readonly queryOn: (node: string, id: string) => Command & { readonly parse: (result: CommandResult) => JobState[] };
  readonly requeue: (id: string) => Command;
}

/** One batch system as pure functions: scripts and argv out, outputs in. */
export interface Dialect {
  readonly scheme: string;
  /** Lines at the head of a job script, mark included. Throws `usage` for what the scheduler cannot be asked. */
  readonly directives: (job: JobRequest) => readonly string[];
  /** Shell lines that run the node script once on each node and end when all have ended. */
  readonly launch: (job: JobRequest) => readonly string[];
  readonly submit: (scriptFile: string) => Command;
  /** The job's id. Throws `invalid` with the scheduler's own message when it was refused. */
  readonly parseSubmit: (result: CommandResult) => string;
  /** All jobs in one query; forms to try in order. */
  readonly query: (ids: readonly string[]) => readonly StateQuery[];
  readonly cancel: (id: string) => Command;
  /** Why a job still waits, for schedulers that do not say so in the query of all. */
  readonly why?: (id: string) => Command & { readonly parse: (result: CommandResult) => string };
  readonly headless?: HeadlessJobs;
}

/** A batch system that can be spoken to. */
export interface Scheduler {
  readonly scheme: string;
  submit(job: JobRequest): Promise<string>;
  /** One query for all; an id the scheduler does not know (any more) is `ended`. Throws `unavailable` when it does not answer. */
  states(ids: readonly string[]): Promise<ReadonlyMap<string, JobState>>;
  /** Asks for the end; what became of it, only `states` tells. */
  cancel(id: string): Promise<void>;
  /**
   * Puts a running job back into the queue if it has lost its first node and lives on with the others; true if so. Left off
   * where no job does.
   */
  requeueHeadless?(id: string): Promise<boolean>;
}
