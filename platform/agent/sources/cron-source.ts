/** Fires of one cron trigger: each published once, under an id of the trigger and its scheduled time. */
import { CronFires, missedAfterMs } from '#routing';
import { lastHeaders, publishEvent, type SourceOptions, type TriggerSource } from './source.ts';
import { SourceMark } from './source-mark.ts';

interface CronRecord {
  readonly v: 1;
  /** Every fire scheduled up to here is published, or left out for good; milliseconds since 1970. */
  readonly doneTo: number;
}

const scheduledHeader = 'Pilotfish-Scheduled';
/** Without fires the mark is moved this often: what a next owner takes for missed is no older. */
const markEveryMs = 60_000;

export class CronSource implements TriggerSource {
  readonly #options: SourceOptions;
  readonly #fires: CronFires;
  readonly #mark: SourceMark<CronRecord>;
  #doneTo: number;

  private constructor(options: SourceOptions, fires: CronFires, mark: SourceMark<CronRecord>, doneTo: number) {
    this.#options = options;
    this.#fires = fires;
    this.#mark = mark;
    this.#doneTo = doneTo;
  }

  static async open(options: SourceOptions, key: string): Promise<CronSource | undefined> {
    const { trigger, marks, clock } = options;
    if (!trigger.cron) return undefined;
    const mark = await SourceMark.read<CronRecord>(marks, key);
    // A killed owner may have published a fire that it could not write down any more.
    const last = Date.parse((await lastHeaders(options, trigger.subject))?.get(scheduledHeader) ?? '');
    const doneTo = Math.max(mark.value?.doneTo ?? clock.now(), Number.isNaN(last) ? 0 : last);
    if (!(await mark.write({ v: 1, doneTo }))) return undefined;
    return new CronSource(options, new CronFires(trigger.cron), mark, doneTo);
  }

  async look(): Promise<boolean> {
    const { clock, paused, held, tell } = this.#options;
    if (paused()) return true;
    const { fires, skipped, doneTo } = this.#fires.due(this.#doneTo, clock.now());
    for (const time of fires) {
      if (!held()) return false;
      await this.#fire(time);
      this.#doneTo = time;
    }
    this.#doneTo = doneTo;
    if (skipped > 0) tell('warn', `${skipped} missed fires are not made up for`);
    if (fires.length === 0 && skipped === 0 && doneTo - (this.#mark.value?.doneTo ?? 0) < markEveryMs) return true;
    return held() && (await this.#mark.write({ v: 1, doneTo }));
  }

  stop(): void {
    // Nothing is open between two looks.
  }

  async #fire(timeMs: number): Promise<void> {
    const { trigger, functionName, clock } = this.#options;
    const scheduled = new Date(timeMs).toISOString();
    await publishEvent(this.#options, {
      subject: trigger.subject,
      id: `cron.${functionName}.${trigger.name}.${timeMs}`,
      headers: [[scheduledHeader, scheduled]],
      payload: { trigger: trigger.name, scheduled, missed: clock.now() - timeMs >= missedAfterMs },
    });
  }
}
