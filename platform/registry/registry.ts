/**
 * Functions, versions, aliases and canaries, kept in the registry bucket. One gateway writes (its epoch says so); a new one
 * loads what the last one left and has the same state.
 */
import type { KV } from '@nats-io/kv';
import { registryKeys } from '#broker';
import { nearestName, PlatformError } from '#common';
import { Canary, FunctionVersion } from '#proto';

/** The alias that every function has: what calls and events go to. */
export const latestAlias = 'latest';
/** What `latest` named before: where a rollback goes. */
export const previousAlias = 'previous';

export interface RegisteredFunction {
  readonly name: string;
  /** In order of their numbers. */
  readonly versions: readonly FunctionVersion[];
  readonly aliases: ReadonlyMap<string, number>;
  /** The canary there is, or the last one there was. */
  readonly canary: Canary | undefined;
}

interface Entry {
  readonly name: string;
  readonly versions: FunctionVersion[];
  readonly aliases: Map<string, number>;
  canary: Canary | undefined;
}

export type DeployChange = 'created' | 'updated' | 'unchanged' | 'canary';

export class Registry {
  readonly #bucket: KV;
  readonly #functions = new Map<string, Entry>();

  private constructor(bucket: KV) {
    this.#bucket = bucket;
  }

  static async load(bucket: KV): Promise<Registry> {
    const registry = new Registry(bucket);
    for (const { value } of await readAll(bucket, registryKeys.versions)) {
      const version = FunctionVersion.decode(value);
      registry.#entry(version.function).versions.push(version);
    }
    for (const { key, value } of await readAll(bucket, registryKeys.aliases)) {
      const [, functionName = '', alias = ''] = key.split('.');
      registry.#entry(functionName).aliases.set(alias, Number(Buffer.from(value).toString('utf8')));
    }
    for (const { key, value } of await readAll(bucket, registryKeys.canaries))
      registry.#entry(key.split('.')[1] ?? '').canary = Canary.decode(value);
    for (const entry of registry.#functions.values()) entry.versions.sort((a, b) => a.number - b.number);
    // A deletion cut short leaves aliases without versions, or versions without `latest`: neither is a function.
    for (const entry of [...registry.#functions.values()])
      if (!registry.#latestOf(entry)) registry.#functions.delete(entry.name);
    return registry;
  }

  list(): RegisteredFunction[] {
    return [...this.#functions.values()].sort((a, b) => a.name.localeCompare(b.name));
  }

  /** Throws `not-found` with the nearest name there is. */
  get(name: string): RegisteredFunction {
    const entry = this.#functions.get(name);
    if (entry) return entry;
    const near = nearestName(name, this.#functions.keys());
    const hint = near ? `Did you mean "${near}"?` : '`pilotfish list` shows the functions that are deployed.';
    throw new PlatformError('not-found', `there is no function "${name}"`, { hint });
  }

  latest(name: string): FunctionVersion {
    return this.resolve(name, latestAlias);
  }

  /** A version by its number or by an alias; "" is `latest`. Throws `not-found`. */
  resolve(name: string, selector: string): FunctionVersion {
    const entry = this.get(name);
    const number = /^\d+$/.test(selector) ? Number(selector) : entry.aliases.get(selector || latestAlias);
    const version = entry.versions.find((candidate) => candidate.number === number);
    if (version) return version;
    throw new PlatformError('not-found', `function "${name}" has no version "${selector}"`, {
      hint: `It has ${entry.versions.map((known) => known.number).join(', ')} and ${[...entry.aliases.keys()].join(', ')}.`,
    });
  }

  /** The version that is tried on part of the function's work; undefined where there is none. */
  canaryOf(name: string): { readonly version: FunctionVersion; readonly canary: Canary } | undefined {
    const { canary, versions } = this.get(name);
    const version = canary?.ended === '' ? versions.find(({ number }) => number === canary.number) : undefined;
    return canary && version && { version, canary };
  }

  /**
   * Adds a version and points `latest` at it. A digest that is known already only moves `latest`. A canary leaves it where
   * it is; of a function that is new there is nothing to try it against, and it becomes the latest.
   */
  async deploy(
    version: Omit<FunctionVersion, 'number'>,
    canary?: Omit<Canary, 'number' | 'ended'>,
  ): Promise<{ version: FunctionVersion; change: DeployChange }> {
    const known = this.#functions.get(version.function);
    const same = known?.versions.find((candidate) => candidate.digest === version.digest);
    if (same && this.latest(version.function).digest === version.digest) return { version: same, change: 'unchanged' };
    if (same) {
      if (canary) await this.#setCanary(version.function, { ...canary, number: same.number, ended: '' });
      else await this.setAlias(version.function, latestAlias, same.number);
      return { version: same, change: canary ? 'canary' : 'updated' };
    }
    const number = (known?.versions.at(-1)?.number ?? 0) + 1;
    const numbered: FunctionVersion = { ...version, number };
    await this.#bucket.put(registryKeys.version(version.function, number), FunctionVersion.encode(numbered).finish());
    this.#entry(version.function).versions.push(numbered);
    if (canary && known) {
      await this.#setCanary(version.function, { ...canary, number, ended: '' });
      return { version: numbered, change: 'canary' };
    }
    await this.setAlias(version.function, latestAlias, number);
    return { version: numbered, change: known ? 'updated' : 'created' };
  }

  /** Whoever moves `latest` ends a canary: it was tried against another version. */
  async setAlias(name: string, alias: string, number: number): Promise<void> {
    this.resolve(name, String(number));
    const before = this.#entry(name).aliases.get(alias);
    if (before === number) return;
    if (alias === latestAlias) {
      await this.endCanary(name, `version ${number} is the latest now`);
      if (before !== undefined) await this.#putAlias(name, previousAlias, before);
    }
    await this.#putAlias(name, alias, number);
  }

  /** The function's work goes to its latest version again; `why` is kept. */
  async endCanary(name: string, why: string): Promise<void> {
    const { canary } = this.get(name);
    if (canary?.ended === '') await this.#setCanary(name, { ...canary, ended: why });
  }

  /** Forgets the function; returns the versions it had, whose artifacts may go. */
  async remove(name: string): Promise<readonly FunctionVersion[]> {
    const { versions, aliases } = this.get(name);
    for (const alias of aliases.keys()) await this.#bucket.purge(registryKeys.alias(name, alias));
    await this.#bucket.purge(registryKeys.canary(name));
    for (const version of versions) await this.#bucket.purge(registryKeys.version(name, version.number));
    this.#functions.delete(name);
    return versions;
  }

  async #putAlias(name: string, alias: string, number: number): Promise<void> {
    await this.#bucket.put(registryKeys.alias(name, alias), String(number));
    this.#entry(name).aliases.set(alias, number);
  }

  async #setCanary(name: string, canary: Canary): Promise<void> {
    await this.#bucket.put(registryKeys.canary(name), Canary.encode(canary).finish());
    this.#entry(name).canary = canary;
  }

  #entry(name: string): Entry {
    let entry = this.#functions.get(name);
    if (!entry) {
      entry = { name, versions: [], aliases: new Map(), canary: undefined };
      this.#functions.set(name, entry);
    }
    return entry;
  }

  #latestOf(entry: Entry): FunctionVersion | undefined {
    return entry.versions.find((version) => version.number === entry.aliases.get(latestAlias));
  }
}

/** All present values below a key pattern. */
export async function readAll(bucket: KV, pattern: string): Promise<{ key: string; value: Uint8Array }[]> {
  const found: { key: string; value: Uint8Array }[] = [];
  for await (const key of await bucket.keys(pattern)) {
    const entry = await bucket.get(key);
    if (entry?.operation === 'PUT') found.push({ key, value: entry.value });
  }
  return found;
}
