/** The gateway's methods about access: tokens, certificates, the audit log, and events for whoever has no NATS. */
import type { Clock } from '#common';
import type {
  CreateTokenRequest,
  GatewayServer,
  PublishRequest,
  RevokeTokenRequest,
  RotateCertificatesResponse,
  TailAuditRequest,
} from '#proto';
import { serverStream, unary } from '#rpc';
import { createNatsKey } from '#security';
import type { EventDoor } from '../events/event-door.ts';
import type { AuditLog } from './audit-log.ts';
import type { Gate } from './gate.ts';
import type { NatsUsersFile } from './nats-users-file.ts';
import { isEnding, type PilotFiles, rotateCertificates } from './rotate.ts';
import type { TokenBook } from './token-book.ts';
import type { TokenService } from './token-service.ts';

export interface AccessMethodsOptions {
  readonly gate: Gate;
  readonly events: EventDoor;
  readonly tokens: TokenBook;
  readonly service: TokenService;
  readonly users: NatsUsersFile;
  readonly audit: AuditLog;
  readonly files: PilotFiles;
  /** Takes up the gateway's own new certificate. */
  readonly renew: () => void;
  readonly cut: (name: string) => number;
  readonly clock: Clock;
}

/** For an answer to reach a client over a slow tunnel. */
const answerMs = 1_000;

export type AccessMethods = Pick<
  GatewayServer,
  'publish' | 'createToken' | 'listTokens' | 'revokeToken' | 'rotateCertificates' | 'tailAudit'
>;

export function accessMethods(options: AccessMethodsOptions): AccessMethods {
  const { service, audit, events, gate } = options;
  return {
    publish: unary((request: PublishRequest, { peer }) => {
      gate.requireSubject(peer, request.subject);
      return events.publish(request);
    }),
    createToken: unary((request: CreateTokenRequest) => service.create(request)),
    listTokens: unary(() => ({ tokens: service.list() })),
    revokeToken: unary(async ({ id }: RevokeTokenRequest) => ({ connections: await service.revoke(id) })),
    rotateCertificates: unary(() => rotate(options)),
    tailAudit: serverStream((request: TailAuditRequest, { signal }) => audit.read(request, signal)),
  };
}

async function rotate(options: AccessMethodsOptions): Promise<RotateCertificatesResponse> {
  const { files, users, tokens, renew, cut, clock } = options;
  const [source, viewer] = [createNatsKey(), createNatsKey()];
  const seeds = { source: source.seed, viewer: viewer.seed };
  const { expiresAtMs, ownersSinceMs } = await rotateCertificates(files, clock.now(), seeds);
  // After the certificates, which the servers read together with it.
  users.renew({ source: source.publicKey, viewer: viewer.publicKey });
  renew();
  await tokens.setOwnersSince(ownersSinceMs);
  // This call's own answer goes out over such a connection first; from now on no other call over one is let in.
  void clock.sleep(answerMs).then(() => cut('owner'));
  return { expiresAtMs };
}

/** Before certificates end: the same keys for the streams, and old certificates go on for the days that they have left. */
export async function renewInTime(
  options: Pick<AccessMethodsOptions, 'files' | 'users' | 'renew' | 'clock'>,
): Promise<boolean> {
  const { files, users, renew, clock } = options;
  if (!isEnding(files, clock.now())) return false;
  await rotateCertificates(files, clock.now());
  users.renew();
  renew();
  return true;
}
