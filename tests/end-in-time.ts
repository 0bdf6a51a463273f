/*
 * Imported by every test file's process: one that still runs long after its tests must have ended says what keeps it, fails
 * and ends, so that the other files have their turn.
 */
const LIMIT_MS = Number(process.env['LADE_FILE_LIMIT_MS']);
/** The runner imports what its files import; it may take as long as it needs. */
const isTestFile = process.env['NODE_TEST_CONTEXT'] !== undefined;

if (isTestFile && LIMIT_MS > 0)
  setTimeout(() => {
    const kept = process.getActiveResourcesInfo().join(', ');
    process.stderr.write(`${process.argv[1]} has not ended after ${LIMIT_MS / 60_000} minutes: ${kept}\n`);
    process.exit(1);
  }, LIMIT_MS).unref();
