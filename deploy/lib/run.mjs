// Runs a command by argv list, never through a shell, with a deadline; keeps the end of its output for error messages.
import { spawn } from 'node:child_process';

// An error message needs the last lines; a chatty compiler must not fill the memory.
const outputCharsKept = 8_000;

/**
 * Resolves to `{code, output}` whatever happens: `code` is null after a signal or the deadline, and -1 where the command
 * does not exist. The child's own stdin is closed, so nothing can wait for an answer.
 */
export function run(command, args, { cwd, env = process.env, waitMsMax, outputCharsMax = outputCharsKept } = {}) {
  return new Promise((done) => {
    let output = '';
    // Its own process group, so that the deadline also ends what the command started (pip's and go's children).
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    const deadline = setTimeout(() => {
      output += `\n(ended after ${waitMsMax} ms without a result)`;
      endGroup(child.pid);
    }, waitMsMax);
    const take = (chunk) => {
      output = (output + chunk).slice(-outputCharsMax);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    const forward = () => endGroup(child.pid);
    process.once('exit', forward);
    const finish = (code) => {
      clearTimeout(deadline);
      process.removeListener('exit', forward);
      done({ code, output: output.trim() });
    };
    child.once('error', (error) => {
      output += error.message;
      finish(-1);
    });
    child.once('close', finish);
  });
}

function endGroup(pid) {
  if (pid === undefined) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // The group is gone already, which is what was wanted.
  }
}
