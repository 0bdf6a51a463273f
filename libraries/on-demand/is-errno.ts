/** Whether node:fs failed with one of these. */
export function isErrno(reason: unknown, ...names: readonly string[]): boolean {
  return reason instanceof Error && 'code' in reason && names.includes(String(reason.code));
}
