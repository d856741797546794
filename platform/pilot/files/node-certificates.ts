/**
 * Certificates of pilots whose nodes are not known beforehand: `up` makes the authority and the owner's, each launcher
 * signs its node's own once it knows its address. The authority's key lies 0600 in the pilot's directory, which only the
 * owner's processes read; functions never see it.
 */
import { readFileSync } from 'node:fs';
import type { NodeConfig } from '#model';
import {
  agentServerName,
  brokerServerName,
  gatewayServerName,
  loadCertificates,
  readPrivate,
  writePrivate,
} from '#security';
import { agentMember, brokerMember, gatewayMember, pilotPaths } from './home.ts';

/** The owner's is written last. */
export async function writeAuthority(pilot: string, pilotDirectory: string): Promise<void> {
  const paths = pilotPaths(pilotDirectory);
  const { CertificateAuthority } = await loadCertificates();
  const now = Date.now();
  const authority = await CertificateAuthority.create(pilot, now);
  writePrivate(paths.caCert, authority.cert);
  writePrivate(paths.caKey, authority.key);
  const { cert, key } = await authority.issue({ commonName: 'owner', usage: ['client'] }, now);
  writePrivate(paths.key('owner'), key);
  writePrivate(paths.cert('owner'), cert);
}

/** A launcher that starts again, after a requeue perhaps elsewhere, signs anew. */
export async function signNodeCertificates(config: NodeConfig): Promise<void> {
  const { pilot, node, host, broker, gateway } = config;
  const issue = await openAuthority(config);
  await Promise.all([
    // Agents call each other: a claimed payload lies with its node.
    issue(agentMember(node), ['server', 'client'], agentServerName(pilot, node), host),
    ...(gateway === 'none' ? [] : [issue(gatewayMember(node), ['server', 'client'], gatewayServerName(pilot), host)]),
    // Servers of a cluster dial each other: they are clients too. Clients of theirs prove who they are with nkeys.
    ...(broker ? [issue(brokerMember(node), ['server', 'client'], brokerServerName(pilot), host)] : []),
  ]);
}

async function openAuthority({ pilotDirectory }: NodeConfig) {
  const paths = pilotPaths(pilotDirectory);
  const { CertificateAuthority } = await loadCertificates();
  const authority = await CertificateAuthority.load(readFileSync(paths.caCert, 'utf8'), readPrivate(paths.caKey));
  return async (member: string, usage: ('server' | 'client')[], name: string, host: string) => {
    const { cert, key } = await authority.issue(
      { commonName: member, usage, dnsNames: [name], addresses: [host] },
      Date.now(),
    );
    writePrivate(paths.key(member), key);
    writePrivate(paths.cert(member), cert);
  };
}
