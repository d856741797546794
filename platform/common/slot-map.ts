/**
 * A map for what comes and goes by the thousand a second. V8 copies a Map that is set and deleted from into a new table each
 * time the holes have filled it, and makes the new table old where the one before was: what was left is old memory that keeps
 * all its entries, ended or not, until the whole heap is collected. Here an entry takes the place of one that has gone.
 */
export class SlotMap<Key extends number | string, Value extends object> {
  /** By slot. */
  #keys: (Key | undefined)[] = [];
  #values: (Value | undefined)[] = [];
  /** Slots in the order in which their keys were set, from `#oldest` on; those that are free follow each other from `#free` on. */
  #after = new Int32Array(slotsMin).fill(none);
  #before = new Int32Array(slotsMin).fill(none);
  #oldest = none;
  #newest = none;
  #free = none;
  /** Slots by the hash of their keys, each at the first place from its own on that was free. */
  #places = new Int32Array(2 * slotsMin).fill(none);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(key: Key): Value | undefined {
    const slot = this.#places[this.#placeOf(key)] as number;
    return slot === none ? undefined : this.#values[slot];
  }

  set(key: Key, value: Value): void {
    let place = this.#placeOf(key);
    const known = this.#places[place] as number;
    if (known !== none) {
      this.#values[known] = value;
      return;
    }
    if (this.#size === this.#after.length) {
      this.#grow();
      place = this.#placeOf(key);
    }
    const slot = this.#takeSlot();
    this.#keys[slot] = key;
    this.#values[slot] = value;
    this.#places[place] = slot;
    this.#before[slot] = this.#newest;
    this.#after[slot] = none;
    if (this.#newest === none) this.#oldest = slot;
    else this.#after[this.#newest] = slot;
    this.#newest = slot;
    this.#size++;
  }

  /** What was there. */
  delete(key: Key): Value | undefined {
    const place = this.#placeOf(key);
    const slot = this.#places[place] as number;
    if (slot === none) return undefined;
    const value = this.#values[slot];
    this.#clearPlace(place);
    const [before, after] = [this.#before[slot] as number, this.#after[slot] as number];
    if (before === none) this.#oldest = after;
    else this.#after[before] = after;
    if (after === none) this.#newest = before;
    else this.#before[after] = before;
    this.#keys[slot] = undefined;
    this.#values[slot] = undefined;
    this.#after[slot] = this.#free;
    this.#free = slot;
    this.#size--;
    return value;
  }

  clear(): void {
    for (const key of this.keys()) this.delete(key);
  }

  /** As they are now, in the order in which they were set. */
  keys(): Key[] {
    return this.#ordered(this.#keys);
  }

  /** As they are now, in the order in which their keys were set. */
  values(): Value[] {
    return this.#ordered(this.#values);
  }

  /** As they are now, in the order in which their keys were set. */
  entries(): [Key, Value][] {
    const values = this.values();
    return this.keys().map((key, at) => [key, values[at] as Value]);
  }

  #ordered<T>(bySlot: readonly (T | undefined)[]): T[] {
    const found: T[] = [];
    for (let slot = this.#oldest; slot !== none; slot = this.#after[slot] as number) found.push(bySlot[slot] as T);
    return found;
  }

  /** Where the key is, or the free place where it would be. */
  #placeOf(key: Key): number {
    const last = this.#places.length - 1;
    let place = hashOf(key) & last;
    for (let slot = this.#places[place] as number; slot !== none; slot = this.#places[place] as number) {
      if (this.#keys[slot] === key) return place;
      place = (place + 1) & last;
    }
    return place;
  }

  /** Those behind it move up, as far as they are not at their own place: a hole would hide them. */
  #clearPlace(cleared: number): void {
    const last = this.#places.length - 1;
    let hole = cleared;
    let place = (hole + 1) & last;
    for (let slot = this.#places[place] as number; slot !== none; slot = this.#places[place] as number) {
      const own = hashOf(this.#keys[slot] as Key) & last;
      if (((place - own) & last) >= ((place - hole) & last)) {
        this.#places[hole] = slot;
        hole = place;
      }
      place = (place + 1) & last;
    }
    this.#places[hole] = none;
  }

  #takeSlot(): number {
    if (this.#free === none) return this.#size;
    const slot = this.#free;
    this.#free = this.#after[slot] as number;
    return slot;
  }

  #grow(): void {
    const slots = 2 * this.#after.length;
    const [after, before] = [this.#after, this.#before];
    this.#after = new Int32Array(slots).fill(none);
    this.#before = new Int32Array(slots).fill(none);
    this.#after.set(after);
    this.#before.set(before);
    this.#places = new Int32Array(2 * slots).fill(none);
    for (const [slot, key] of this.#keys.entries()) this.#places[this.#placeOf(key as Key)] = slot;
  }
}

const none = -1;
/** A power of two, as every further number of slots. */
const slotsMin = 16;

function hashOf(key: number | string): number {
  let hash = 0;
  if (typeof key === 'number') hash = key | 0;
  else for (let at = 0; at < key.length; at++) hash = Math.imul(hash, 31) + key.charCodeAt(at);
  const mixed = Math.imul(hash, 0x9e37_79b1);
  return mixed ^ (mixed >>> 16);
}
