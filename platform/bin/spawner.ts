/** The spawner process: started by an agent with an IPC channel. */
import { runSpawner } from '#spawner';

process.umask(0o077);
runSpawner();
