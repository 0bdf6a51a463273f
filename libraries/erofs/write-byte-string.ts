/** Writes a byte string. A loop: for the short strings that file names are, it beats the call into native code. */
export function writeByteString(target: DataView, at: number, text: string): void {
  for (let index = 0; index < text.length; index++) target.setUint8(at + index, text.charCodeAt(index));
}
