/**
 * The configuration of a child that is started before all of it is known, so that it loads its code meanwhile: the file
 * appears once it is known, and the child waits for it.
 */
import { rmSync } from 'node:fs';
import { writePrivate } from '#security';

export class LateConfig {
  readonly file: string;
  #tell: (() => object) | undefined;

  /** What an earlier launcher has told is taken away. */
  constructor(file: string) {
    this.file = file;
    rmSync(file, { force: true });
  }

  /** Known from now on; asked for again before each further start of the child. */
  tell(settings: () => object): void {
    this.#tell = settings;
    this.write();
  }

  write(): void {
    if (this.#tell) writePrivate(this.file, JSON.stringify(this.#tell()));
  }
}
