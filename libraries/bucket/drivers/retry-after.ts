/** What a Retry-After header asks for, seconds or a date (RFC 9110 §10.2.3), as the detail of an error. */
export function retryAfter(header: string | undefined): { readonly retryAfterMs?: number } {
  if (header === undefined) return {};
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return ms > 0 ? { retryAfterMs: ms } : {};
}
