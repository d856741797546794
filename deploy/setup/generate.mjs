// Step 4: TypeScript and descriptors from proto/ (in a fresh clone they are committed; this proves them and is quick).
import { generate, isGenerated } from '../gen.mjs';

export const generateStep = {
  name: 'generate',
  does: 'buf lint, buf generate, descriptor set',
  isFresh: isGenerated,
  run: () => generate(),
};
