import { computed, ref, watchEffect, type ComputedRef, type Ref } from 'vue';
import { en, type Messages } from './en.ts';
import { zh } from './zh.ts';

export type { Messages } from './en.ts';
export type Language = 'en' | 'zh';

const TABLES = { en, zh } as const satisfies Record<Language, Messages>;
/** As HTML and Intl write them. */
export const LOCALES = { en: 'en', zh: 'zh-CN' } as const satisfies Record<Language, string>;
const KEY = 'lade.language';

export const language: Ref<Language> = ref(preferred());
const table: ComputedRef<Messages> = computed(() => TABLES[language.value]);

/** The sentences in the language of the moment; called while rendering, so that a page changes with it. */
export function t(): Messages {
  return table.value;
}

/** Keeps the document and the browser's memory at the chosen language. */
export function applyLanguage(): void {
  watchEffect(() => {
    document.documentElement.lang = LOCALES[language.value];
    localStorage.setItem(KEY, language.value);
  });
}

function preferred(): Language {
  const kept = localStorage.getItem(KEY);
  if (kept === 'en' || kept === 'zh') return kept;
  return navigator.language.toLowerCase().startsWith('zh') ? 'zh' : 'en';
}
