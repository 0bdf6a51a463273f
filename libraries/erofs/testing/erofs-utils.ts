import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';

const run = promisify(execFile);

export interface ToolResult {
  readonly status: number;
  readonly said: string;
}

/**
 * Runs a tool of erofs-utils, taken from `bin` of the folder LADE_EROFS_UTILS, else from PATH. If there is none: skips the test
 * and returns undefined, fails it where CI is set.
 */
export async function runErofsTool(
  t: TestContext,
  tool: 'fsck.erofs' | 'dump.erofs',
  ...parameters: readonly string[]
): Promise<ToolResult | undefined> {
  const folder = process.env['LADE_EROFS_UTILS'];
  try {
    const { stdout, stderr } = await run(folder === undefined ? tool : join(folder, 'bin', tool), parameters);
    return { status: 0, said: stdout + stderr };
  } catch (error) {
    const { code, stdout, stderr } = error as { code: unknown; stdout: string; stderr: string };
    if (typeof code === 'number') return { status: code, said: stdout + stderr };
    if (code !== 'ENOENT' || process.env['CI'] !== undefined) throw error;
    t.skip(`NOT TESTED: ${tool} is neither in LADE_EROFS_UTILS nor in PATH`);
    return undefined;
  }
}
