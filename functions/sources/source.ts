// What a source is: a module whose default export turns a place in the stream (0, 1, 2, ...) into a message. All else is done for it: rate,
// faults, producers, counting, publishing. It imports nothing but types, and its messages are the same whoever asks for them, so that several
// producers can share them and a message sent again has the id it had.
//
//   import type { Source } from 'pilotfish/source';
//   export default {
//     about: 'one reading a message',
//     settings: { sensor: { about: 'name of the sensor', default: 'a' } },
//     open: ({ sensor }) => ({ message: (index) => ({ subject: `readings.${sensor}`, data: String(index) }) }),
//   } satisfies Source;

export type SettingValue = string | number | boolean;
export type SourceSettings = Readonly<Record<string, SettingValue>>;

export interface SourceSetting {
  readonly about: string;
  /** Its type is the setting's type. */
  readonly default: SettingValue;
}

export interface Source {
  /** One line for `pilotfish source list`. */
  readonly about: string;
  /** What `--set name=value` may say. */
  readonly settings: Readonly<Record<string, SourceSetting>>;
  /** Called once a producer. Throws an Error that says which setting is wrong, and what would be right. */
  open(settings: SourceSettings, context: SourceContext): OpenSource | Promise<OpenSource>;
}

export interface SourceContext {
  /** Names the run: part of ids, and of subjects where runs must not meet. Letters, digits, "-" and "_". */
  readonly run: string;
  /** Aborted when the run is ended early. */
  readonly signal?: AbortSignal | undefined;
}

export interface OpenSource {
  /** How many messages there are; left out: as many as are asked for. */
  readonly count?: number | undefined;
  /** The message of a place. What it returns is not changed afterwards: it may have to be sent again. */
  message(index: number): SourceMessage;
  close?(): void;
}

export interface SourceMessage {
  readonly subject: string;
  readonly data: Uint8Array | string;
  readonly headers?: Readonly<Record<string, string>>;
  /** The stream drops a second message with the same id. Default: run and place. */
  readonly id?: string;
  /** Never lost, doubled or held back by injected faults: an end marker, say. */
  readonly spared?: boolean;
}
