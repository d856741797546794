/** What every NATS role may say and hear, asked of a real server: the table of `permissions.ts` must hold there. */
import { connect, nkeyAuthenticator } from '@nats-io/transport-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { connectNats, inboxPrefix, type NatsRole } from '#broker';
import { brokerServerName, createNatsKey, loadCertificates } from '#security';
import { isSubscriptionRefused, refusedPublishes } from '../harness/nats-refusals.ts';
import { startTestServer, type TestServer } from '../harness/nats-server.ts';

const roles: readonly NatsRole[] = ['gateway', 'agent', 'source', 'viewer'];

/** Subject, and the roles that may publish to it; all others must be refused. */
const publishing: readonly (readonly [string, readonly NatsRole[]])[] = [
  ['ev.scan.1.frame', ['gateway', 'agent', 'source']],
  ['ev.pilotfish.file.reader.on0.passwd', ['gateway', 'agent']],
  ['gather.gridrec.0.scan-1', ['gateway', 'agent']],
  ['dlq.gridrec', ['gateway', 'agent']],
  ['log.gridrec.i1', ['gateway', 'agent']],
  ['audit.owner', ['gateway']],
  ['$KV.tokens.t-abcdefgh', ['gateway']],
  ['$JS.API.CONSUMER.CREATE.AUDIT.reader.audit.>', ['gateway', 'agent']],
  ['anything.else', []],
  ['_INBOX.agent.n1.x', []],
  ['$SYS.REQ.SERVER.PING', []],
  ['$JS.ACK.EVENTS.fn-echo-0.1.1.1.1.0', ['gateway', 'agent']],
  ['$JS.API.INFO', ['gateway', 'agent', 'source', 'viewer']],
  ['$JS.API.STREAM.CREATE.MINE', ['gateway']],
  ['$JS.API.STREAM.UPDATE.EVENTS', ['gateway']],
  ['$JS.API.STREAM.DELETE.EVENTS', ['gateway']],
  ['$JS.API.STREAM.PURGE.EVENTS', ['gateway']],
  ['$JS.API.STREAM.MSG.DELETE.EVENTS', ['gateway']],
  ['$JS.API.STREAM.INFO.EVENTS', ['gateway', 'agent', 'source', 'viewer']],
  ['$JS.API.STREAM.INFO.DEAD_LETTERS', ['gateway', 'agent', 'viewer']],
  ['$JS.API.STREAM.INFO.KV_registry', ['gateway', 'agent']],
  ['$JS.API.CONSUMER.CREATE.EVENTS.reader.ev.>', ['gateway', 'agent', 'viewer']],
  ['$JS.API.CONSUMER.CREATE.KV_registry.reader', ['gateway', 'agent']],
  ['$JS.API.CONSUMER.DURABLE.CREATE.EVENTS.fn-echo-0', ['gateway']],
  ['$JS.API.CONSUMER.MSG.NEXT.EVENTS.fn-echo-0', ['gateway', 'agent', 'viewer']],
  ['$JS.API.CONSUMER.INFO.GATHERS.fn-gridrec-0', ['gateway', 'agent', 'viewer']],
  ['$JS.API.DIRECT.GET.LOGS', ['gateway', 'agent', 'viewer']],
  ['$JS.API.DIRECT.GET.KV_registry.$KV.registry.alias.echo.latest', ['gateway', 'agent']],
  ['$KV.registry.alias.echo.latest', ['gateway']],
  ['$KV.nodes.n1', ['gateway', 'agent']],
  ['$KV.attempts.echo.0.7', ['gateway', 'agent']],
  ['$KV.gather-leases.gridrec.0', ['gateway', 'agent']],
  ['$KV.gather-marks.gridrec.0', ['gateway', 'agent']],
  ['$O.artifacts.C.abc', ['gateway']],
  ['$O.artifacts.M.abc', ['gateway']],
];

describe('NATS roles', () => {
  let server: TestServer;
  beforeAll(async () => {
    server = await startTestServer();
  });
  afterAll(async () => {
    await server[Symbol.asyncDispose]();
  });
  const open = (role: NatsRole) =>
    connectNats({ servers: [`nats://${server.address}`], seed: server.seeds[role], role, member: 'test' });

  test.each(roles)('%s may publish exactly what the table says', async (role) => {
    const connection = await open(role);
    const refused = await refusedPublishes(
      connection,
      publishing.map(([subject]) => subject),
    );
    await connection.close();
    expect(refused).toEqual(publishing.filter(([, allowed]) => !allowed.includes(role)).map(([subject]) => subject));
  });

  test.each(roles)('%s hears its own inbox and nobody else', async (role) => {
    const connection = await open(role);
    const refused: NatsRole[] = [];
    for (const other of roles) {
      if (await isSubscriptionRefused(connection, `${inboxPrefix(other, 'x')}.>`)) refused.push(other);
    }
    expect(refused).toEqual(roles.filter((other) => other !== role));
    for (const subject of ['>', 'ev.>', '$KV.>', '_INBOX.>', '$SYS.>']) {
      expect(await isSubscriptionRefused(connection, subject), subject).toBe(true);
    }
    await connection.close();
  });

  test('a stranger is refused: without a key, and with a key of no pilot', async () => {
    const refused = { servers: server.address, reconnect: false, maxReconnectAttempts: 0 };
    await expect(connect(refused)).rejects.toThrow(/Authorization Violation/i);
    const { seed } = createNatsKey();
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
    await expect(connect({ ...refused, authenticator })).rejects.toThrow(/Authorization Violation/i);
  });
});

describe('renderServerConfig() with tls', () => {
  test("speaks TLS only, with a certificate that the pilot's own clients believe", async () => {
    const { CertificateAuthority } = await loadCertificates();
    const now = Date.now();
    const authority = await CertificateAuthority.create('p-test', now);
    const broker = await authority.issue(
      { commonName: 'broker', usage: ['server'], dnsNames: [brokerServerName('p-test')], addresses: ['127.0.0.1'] },
      now,
    );
    const client = await authority.issue({ commonName: 'agent-n1', usage: ['client'] }, now);
    await using server = await startTestServer({ tls: { ca: authority.cert, ...broker } });
    const options = {
      servers: server.address,
      reconnect: false,
      authenticator: nkeyAuthenticator(new TextEncoder().encode(server.seeds.gateway)),
      inboxPrefix: inboxPrefix('gateway', 'test'),
    };
    // Checked by name, not by address: the client hands all of this to Node's TLS.
    const trust = { ca: authority.cert, servername: brokerServerName('p-test') };
    const connection = await connect({ ...options, tls: { ...trust, ...client } });
    expect(connection.info?.tls_required).toBe(true);
    await connection.flush();
    await connection.close();
    // Who a client is, its nkey says; what the server is, its certificate: a client of another pilot does not believe it.
    const stranger = await CertificateAuthority.create('p-other', now);
    await expect(connect({ ...options, tls: { ...trust, ca: stranger.cert } })).rejects.toThrow();
    const { seed } = createNatsKey();
    const authenticator = nkeyAuthenticator(new TextEncoder().encode(seed));
    await expect(connect({ ...options, authenticator, tls: trust })).rejects.toThrow(/Authorization Violation/i);
    // Nothing goes in the clear, also where a client asks for no TLS of its own accord.
    const unasked = await connect({ ...options }).then(
      (plain) => plain.close().then(() => 'connected'),
      () => 'refused',
    );
    expect(unasked).toBe('refused');
    // As everywhere in a pilot, 1.3 or nothing.
    const old = { ...trust, maxVersion: 'TLSv1.2' } as const;
    await expect(connect({ ...options, tls: old })).rejects.toThrow();
  });
});
