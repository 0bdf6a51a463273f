import { shallowRef, type ShallowRef } from 'vue';
import { parsePrices, type Prices } from '@lade/bucket-cost';
import { isCodedError } from '@lade/errors';
import { ApiError, toApiError } from '../../api/api-error.ts';

const KEY = 'lade.prices';

/** What somebody has said the bucket costs, kept in this browser. */
export const prices: ShallowRef<Prices | undefined> = shallowRef(kept());

/** Takes a file as `lade nodes --cost --prices` does. Returns why it cannot be used. */
export async function takePrices(file: File): Promise<ApiError | undefined> {
  try {
    const text = await file.text();
    prices.value = parsePrices(text, file.name);
    localStorage.setItem(KEY, text);
    return undefined;
  } catch (reason) {
    if (!isCodedError(reason)) return toApiError(reason);
    const { code, message, cure } = reason;
    return new ApiError({ code, message, ...(cure === undefined ? {} : { cure }) });
  }
}

export function forgetPrices(): void {
  prices.value = undefined;
  localStorage.removeItem(KEY);
}

function kept(): Prices | undefined {
  try {
    return parsePrices(localStorage.getItem(KEY) ?? '', KEY);
  } catch {
    return undefined;
  }
}
