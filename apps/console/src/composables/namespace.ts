import { readonly, ref, shallowReadonly, shallowRef, type Ref } from 'vue';

const KEY = 'lade.namespace';
const USUAL = 'default';

const chosen = ref(readKept());
const known = shallowRef<readonly string[]>([]);

/** containerd's namespace whose images and containers are shown, and into which is pulled. */
export const namespace: Readonly<Ref<string>> = readonly(chosen);
export const namespaces: Readonly<Ref<readonly string[]>> = shallowReadonly(known);

/** Kept for the next time. */
export function chooseNamespace(name: string): void {
  chosen.value = name;
  localStorage.setItem(KEY, name);
}

/** Where the chosen one is not, as on another node, or where Kubernetes alone uses containerd, another is shown. */
export function learnNamespaces(names: readonly string[]): void {
  known.value = names;
  const [first] = names;
  if (first === undefined || names.includes(chosen.value)) return;
  chosen.value = [readKept(), USUAL].find((name) => names.includes(name)) ?? first;
}

function readKept(): string {
  return localStorage.getItem(KEY) ?? USUAL;
}
