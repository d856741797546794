/** Gives each instance GPUs of its own, and takes them back. What a device is called, the node's own environment says. */

type Environment = Readonly<Record<string, string | undefined>>;

/** What AMD's runtime goes by, and everybody else's. */
const names = ['ROCR_VISIBLE_DEVICES', 'CUDA_VISIBLE_DEVICES'] as const;

export class GpuSlots {
  readonly #name: string;
  readonly #free: Set<string>;

  /** `count` are the pilot's; the scheduler may have named which. */
  constructor(count: number, environment: Environment) {
    this.#name = names.find((name) => environment[name]) ?? 'CUDA_VISIBLE_DEVICES';
    const named = (environment[this.#name] ?? '').split(',').filter((device) => device !== '');
    const devices = named.length >= count ? named : Array.from({ length: count }, (_, at) => String(at));
    this.#free = new Set(devices.slice(0, count));
  }

  /** Undefined where fewer are free: an instance that ends may still hold one. */
  take(count: number): readonly string[] | undefined {
    if (this.#free.size < count) return undefined;
    const taken = [...this.#free].slice(0, count);
    for (const device of taken) this.#free.delete(device);
    return taken;
  }

  give(devices: readonly string[]): void {
    for (const device of devices) this.#free.add(device);
  }

  /** What the instance's process is told; nothing where it has none. */
  environmentOf(devices: readonly string[]): Readonly<Record<string, string>> {
    return devices.length === 0 ? {} : { [this.#name]: devices.join(',') };
  }
}
