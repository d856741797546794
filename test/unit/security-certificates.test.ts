/** The pilot's certificates: who signs, for which names and uses, for how long. */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  agentServerName,
  type Certificate,
  type CertificateAuthority,
  gatewayServerName,
  loadCertificates,
} from '#security';

const now = Date.UTC(2030, 0, 1);
const dayMs = 86_400_000;

describe('CertificateAuthority', () => {
  let authority: CertificateAuthority;
  let gateway: Certificate;
  let agent: Certificate;
  let owner: Certificate;

  beforeAll(async () => {
    const certificates = await loadCertificates();
    authority = await certificates.CertificateAuthority.create('p-test', now);
    const dnsNames = [gatewayServerName('p-test')];
    gateway = await authority.issue(
      { commonName: 'gateway', usage: ['server', 'client'], dnsNames, addresses: ['127.0.0.11'] },
      now,
    );
    agent = await authority.issue(
      { commonName: 'agent-n1', usage: ['server'], dnsNames: [agentServerName('p-test', 'n1')] },
      now,
    );
    owner = await authority.issue({ commonName: 'owner', usage: ['client'] }, now);
  });

  test('signs what it issues, on the curve P-256', () => {
    const ca = new X509Certificate(authority.cert);
    for (const { cert } of [gateway, agent, owner]) {
      const parsed = new X509Certificate(cert);
      expect(parsed.checkIssued(ca)).toBe(true);
      expect(parsed.verify(ca.publicKey)).toBe(true);
      expect(parsed.publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
      expect(parsed.ca).toBe(false);
    }
    expect(ca.ca).toBe(true);
  });

  test('names the gateway by its name and address only', () => {
    const parsed = new X509Certificate(gateway.cert);
    expect(parsed.checkHost('gateway.p-test.pilotfish')).toBe('gateway.p-test.pilotfish');
    expect(parsed.checkIP('127.0.0.11')).toBe('127.0.0.11');
    expect(parsed.checkHost('n1.p-test.pilotfish')).toBeUndefined();
    expect(parsed.checkIP('127.0.0.12')).toBeUndefined();
    expect(new X509Certificate(owner.cert).subject).toBe('CN=owner');
  });

  test('lasts for a year and signs for 8 days, from a little before, for clocks that differ', () => {
    for (const cert of [authority.cert, gateway.cert, agent.cert, owner.cert]) {
      const { validFromDate, validToDate } = new X509Certificate(cert);
      expect(validToDate.getTime() - now).toBe((cert === authority.cert ? 366 : 8) * dayMs);
      expect(now - validFromDate.getTime()).toBe(5 * 60_000);
    }
  });

  test("an agent's key opens no door as a client, the owner's serves nobody", async () => {
    const certificates = await loadCertificates();
    const live = await certificates.CertificateAuthority.create('p-live', Date.now());
    const serving = await live.issue(
      { commonName: 'gateway', usage: ['server', 'client'], dnsNames: ['gateway'] },
      Date.now(),
    );
    const agentLive = await live.issue({ commonName: 'agent-n1', usage: ['server'], dnsNames: ['n1'] }, Date.now());
    const ownerLive = await live.issue({ commonName: 'owner', usage: ['client'], dnsNames: ['gateway'] }, Date.now());
    expect(await handshake(live.cert, serving, ownerLive)).toBe('authorized');
    expect(await handshake(live.cert, serving, agentLive)).not.toBe('authorized');
    expect(await handshake(live.cert, ownerLive, serving)).not.toBe('authorized');
  });
});

/** 'authorized', or what went wrong; TLS 1.3 tells a refused client only after its handshake. */
async function handshake(ca: string, server: Certificate, client: Certificate): Promise<string> {
  const options: TlsOptions = { ca, ...server, requestCert: true, rejectUnauthorized: true, minVersion: 'TLSv1.3' };
  const listener = createServer(options, (socket) => socket.end('authorized'));
  listener.on('tlsClientError', () => undefined);
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  try {
    const socket = connect({ port, host: '127.0.0.1', ca, ...client, servername: 'gateway' });
    const { promise, resolve } = Promise.withResolvers<string>();
    socket.on('data', (data) => resolve(data.toString('utf8')));
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed without a word'));
    return await promise.finally(() => socket.destroy());
  } finally {
    listener.close();
  }
}
