/** The smallest function, kept as the template for new ones: every event comes back as it was. */
import { defineFunction } from 'pilotfish/sdk';

export default defineFunction({
  handle: (event) => event.data,
});
