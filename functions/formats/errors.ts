// The one error class of file formats: a file that cannot be read as what it should be, with its name and what to do.

export type FormatErrorCode = 'not-this-format' | 'truncated' | 'unsupported' | 'filter' | 'missing' | 'shape';

/** Thrown for bytes from outside that cannot be read, or that would be read wrongly. */
export class FormatError extends Error {
  override readonly name = 'FormatError';
  readonly code: FormatErrorCode;

  constructor(code: FormatErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
