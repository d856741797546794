/** What an agent is made of. */
import type { NatsConnection } from '@nats-io/transport-node';
import type { ArtifactStore, Buckets } from '#broker';
import type { ClaimFolder } from '#claims';
import type { Logger } from '#telemetry';
import type { InstanceStarterOptions } from './instances/instance-starter.ts';
import type { Traces } from './traces/traces.ts';

export interface AgentOptions
  extends Pick<
    InstanceStarterOptions,
    'config' | 'spawner' | 'clock' | 'hostScript' | 'nodeBinary' | 'isolation' | 'environment' | 'onProcess'
  > {
  readonly connection: NatsConnection;
  readonly buckets: Buckets;
  readonly artifacts: ArtifactStore;
  readonly logger: Logger;
  /** Where nothing is traced: undefined. */
  readonly traces?: Traces | undefined;
  /** Where this node leaves large payloads; undefined where they go into the stream. */
  readonly claimFolder: ClaimFolder | undefined;
  /** Reads a claimed payload of another node. */
  readonly readFromPeer: (node: string, name: string) => AsyncIterable<Uint8Array>;
}
