/** Writes a call's result as a frame; the usual single output without header costs no JSON. */
import { type FrameWriter, frameTypes, type OutputHeader, resultForms } from '#frames';
import { type EncodedOutput, encodeResult, type FunctionResult } from '#sdk';

/** Throws when the result cannot be encoded or is over the frame's limit: the call then fails with that. */
export function sendResult(writer: FrameWriter, frameId: number, result: FunctionResult): void {
  if (result === undefined) return writer.write(frameTypes.result, frameId, resultForms.none, '');
  if (result instanceof Uint8Array) return writer.write(frameTypes.result, frameId, resultForms.single, '', result);
  const outputs = encodeResult(result);
  const [only] = outputs;
  if (outputs.length === 1 && only && isPlain(only)) {
    return writer.write(frameTypes.result, frameId, resultForms.single, '', only.data);
  }
  const headers = outputs.map(
    (output): OutputHeader => ({
      length: output.data.length,
      ...(output.subject === undefined ? {} : { subject: output.subject }),
      ...(Object.keys(output.headers).length === 0 ? {} : { headers: output.headers }),
    }),
  );
  const body = Buffer.concat(outputs.map((output) => output.data));
  writer.write(frameTypes.result, frameId, resultForms.several, JSON.stringify(headers), body);
}

function isPlain(output: EncodedOutput): boolean {
  return output.subject === undefined && Object.keys(output.headers).length === 0;
}
