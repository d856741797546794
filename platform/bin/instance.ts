/** The instance host process: its agent speaks to it on fd 3. */
import { runHost } from '#instance';

process.umask(0o077);
runHost();
