/** How multiples of `step` up to `largest` are written: divided by how many thousands, and with as many digits as tell them apart. */
export function byteScale(
  largest: number,
  step: number,
): { readonly thousands: number; readonly digits: number } {
  const thousands = Math.floor(Math.log10(Math.max(1, largest)) / 3);
  return { thousands, digits: Math.max(0, Math.ceil(-Math.log10(step / 1000 ** thousands))) };
}
