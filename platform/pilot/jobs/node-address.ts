/** The address that other nodes reach this one at. Nodes have several networks: management, storage, the fast one. Pure. */
import { BlockList, isIPv4 } from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { PlatformError } from '#common';

export interface AddressChoice {
  /** As os.networkInterfaces() tells them. */
  readonly interfaces: Readonly<Record<string, readonly NetworkInterfaceInfo[] | undefined>>;
  /** An interface's name (ib0) or a network (10.1.0.0/16). */
  readonly wanted: string | undefined;
  /** What the node's own name resolves to: the address its site knows it by. */
  readonly named: readonly string[];
}

/** Throws `invalid` naming what there is. */
export function chooseAddress({ interfaces, wanted, named }: AddressChoice): string {
  const own = Object.entries(interfaces).flatMap(([name, infos]) =>
    (infos ?? []).flatMap(({ address, internal }) => (!internal && isIPv4(address) ? [{ name, address }] : [])),
  );
  if (wanted !== undefined) {
    const fits = matcher(wanted);
    const found = own.find(fits);
    if (found) return found.address;
    const there = own.map(({ name, address }) => `${name} ${address}`).join(', ') || 'none';
    throw new PlatformError('invalid', `no interface of this node is "${wanted}"; there are: ${there}`, {
      hint: 'Say it with --interface NAME or --interface 10.1.0.0/16.',
    });
  }
  const byName = own.find(({ address }) => named.includes(address));
  const chosen = byName ?? own[0];
  if (chosen) return chosen.address;
  throw new PlatformError('invalid', 'this node has no network interface but loopback');
}

function matcher(wanted: string): (own: { readonly name: string; readonly address: string }) => boolean {
  const [network = '', bits] = wanted.split('/');
  if (bits === undefined || !isIPv4(network)) return ({ name, address }) => name === wanted || address === wanted;
  const prefix = Number(bits);
  if (!/^\d+$/.test(bits) || prefix > 32) return () => false;
  const list = new BlockList();
  list.addSubnet(network, prefix);
  return ({ address }) => list.check(address);
}
