// The one error class of the maths: bad input, said so that the reader knows what, where, why and what to do.
// It carries a code so that a caller can tell the cases apart without reading the sentence.

/** What was wrong with the input. */
export type InputErrorCode =
  | 'columns'
  | 'slices'
  | 'angles'
  | 'length'
  | 'theta'
  | 'degrees'
  | 'not-finite'
  | 'centre'
  | 'filter'
  | 'option';

/** Thrown for input that no reconstruction can be made from. Retrying the same input cannot help. */
export class InputError extends Error {
  override readonly name = 'InputError';
  readonly code: InputErrorCode;

  constructor(code: InputErrorCode, message: string) {
    super(message);
    this.code = code;
  }
}
