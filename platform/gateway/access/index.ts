/**
 * Who may use this pilot, enforced: `gate.ts` stands before every method and asks the table of `#access`, `token-book.ts` holds
 * the tokens, `token-service.ts` makes and revokes them, `rotate.ts` renews certificates, `nats-users-file.ts` tells the
 * servers of the streams, `audit-log.ts` keeps what was changed and refused, `access-methods.ts` is all this as gRPC.
 */
import type { JetStreamManager } from '@nats-io/jetstream';
import type { KV } from '@nats-io/kv';
import type { NatsConnection } from '@nats-io/transport-node';
import { type Clock, messageOf } from '#common';
import type { GatewayConfig } from '#model';
import type { Logger } from '#telemetry';
import { EventDoor } from '../events/event-door.ts';
import { type AccessMethods, accessMethods, renewInTime } from './access-methods.ts';
import { AuditLog } from './audit-log.ts';
import { Gate } from './gate.ts';
import { NatsUsersFile } from './nats-users-file.ts';
import { TokenBook } from './token-book.ts';
import { TokenService } from './token-service.ts';

export type { AuditEntry, AuditLog } from './audit-log.ts';
export type { Gate } from './gate.ts';

export interface AccessOptions {
  readonly connection: NatsConnection;
  readonly manager: JetStreamManager;
  readonly bucket: KV;
  readonly files: GatewayConfig['access'];
  readonly clock: Clock;
  readonly logger: Logger;
  /** Takes up the gateway's own new certificate. */
  readonly renew: () => void;
  /** Ends the connections of a caller; returns how many. */
  readonly cut: (name: string) => number;
}

export interface Access {
  readonly gate: Gate;
  readonly methods: AccessMethods;
  readonly audit: AuditLog;
  close(): Promise<void>;
}

/** A token's streams and connections end this long after its time, at most. */
const endCheckMs = 1_000;
/** Certificates have days left when they are renewed. */
const renewCheckMs = 3_600_000;

export async function openAccess(options: AccessOptions): Promise<Access> {
  const { connection, manager, bucket, files, clock, logger, renew, cut } = options;
  const tokens = await TokenBook.load(bucket, logger);
  const audit = new AuditLog(connection, logger);
  const users = new NatsUsersFile(files.users);
  const authority = { cert: files.caCert, key: files.caKey };
  const service = new TokenService({ tokens, users, authority, cut, clock });
  const events = new EventDoor({ connection, manager, clock });
  const gate = new Gate({ tokens, audit, clock });
  const methods = accessMethods({ gate, events, tokens, service, users, audit, files, renew, cut, clock });
  const endCheck = setInterval(() => service.cutEnded(), endCheckMs);
  const renewAll = () =>
    renewInTime({ files, users, renew, clock })
      .then((done) => done && logger.info({}, 'certificates renewed before their end'))
      .catch((error) => logger.warn({ error: messageOf(error) }, 'certificates are not renewed yet'));
  void renewAll();
  const renewCheck = setInterval(renewAll, renewCheckMs);
  return {
    gate,
    methods,
    audit,
    close() {
      clearInterval(endCheck);
      clearInterval(renewCheck);
      return audit.close();
    },
  };
}
