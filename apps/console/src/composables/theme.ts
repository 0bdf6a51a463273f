import { computed, ref, watchEffect, type ComputedRef, type Ref } from 'vue';

export type Theme = 'system' | 'light' | 'dark';
const KEY = 'lade.theme';
const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = ref(systemDark.matches);
systemDark.addEventListener('change', (event) => {
  systemIsDark.value = event.matches;
});

export const theme: Ref<Theme> = ref(readTheme());

/** What is shown, for canvases, which have to be painted anew when it changes. */
export const isDark: ComputedRef<boolean> = computed(
  () => theme.value === 'dark' || (theme.value === 'system' && systemIsDark.value),
);

export const reducedMotion: MediaQueryList = matchMedia('(prefers-reduced-motion: reduce)');

export function applyTheme(): void {
  watchEffect(() => {
    document.documentElement.dataset['theme'] = isDark.value ? 'dark' : 'light';
    localStorage.setItem(KEY, theme.value);
  });
}

function readTheme(): Theme {
  const kept = localStorage.getItem(KEY);
  return kept === 'light' || kept === 'dark' ? kept : 'system';
}
