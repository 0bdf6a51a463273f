import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempDisposableSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';

test('dieWithParent() ends a child whose parent was killed', async (t) => {
  using root = mkdtempDisposableSync(join(tmpdir(), 'lade-die-'));
  const [parent, child] = [join(root.path, 'parent.mjs'), join(root.path, 'child.mjs')];
  writeFileSync(
    child,
    `import { dieWithParent } from ${JSON.stringify(join(import.meta.dirname, 'index.ts'))};
     dieWithParent(Number(process.argv[2]), 'SIGKILL');
     process.stdout.write(process.pid + '\\n');
     setInterval(() => {}, 1000);`,
  );
  writeFileSync(
    parent,
    `import { spawn } from 'node:child_process';
     spawn(process.execPath, [${JSON.stringify(child)}, String(process.pid)], { stdio: 'inherit' });
     setInterval(() => {}, 1000);`,
  );
  const killed = spawn(process.execPath, [parent], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(killed.stdout, 'data')) as [Buffer];
  t.after(() => kill(Number(line.toString())));
  const closed = once(killed, 'close', { signal: AbortSignal.timeout(60_000) });
  killed.kill('SIGKILL');
  await closed; // the pipe, which the child has too, closes only when both are gone
});

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // gone already, as it should
  }
}
