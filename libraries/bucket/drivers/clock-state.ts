/** What the Date header of a store's answer says of the clock here. */
export function clockState(date: string | undefined): { state: string; behindMs: number } | undefined {
  const behindMs = Date.parse(date ?? '') - Date.now();
  if (Number.isNaN(behindMs)) return undefined;
  const seconds = Math.round(Math.abs(behindMs) / 1000);
  const size = seconds < 120 ? `${seconds} s` : `${Math.round(seconds / 60)} minutes`;
  return { state: `this machine's clock is ${size} ${behindMs > 0 ? 'behind' : 'ahead'}`, behindMs };
}
