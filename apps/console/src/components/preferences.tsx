import type { FunctionalComponent } from 'vue';
import { theme, type Theme } from '../composables/theme.ts';
import { language, LOCALES, t } from '../i18n/index.ts';
import { Icon, type IconName } from './icon.tsx';

const NEXT = { system: 'light', light: 'dark', dark: 'system' } as const satisfies Record<Theme, Theme>;
const ICONS = { system: 'system', light: 'sun', dark: 'moon' } as const satisfies Record<Theme, IconName>;

/** Language and colours. */
export const Preferences: FunctionalComponent = () => {
  const other = language.value === 'en' ? 'zh' : 'en';
  const label = `${t().app.theme}: ${t().app.themes[theme.value]}`;
  return (
    <div class="preferences">
      <button
        type="button"
        class="button button-quiet"
        lang={LOCALES[other]}
        onClick={() => (language.value = other)}
      >
        {t().app.otherLanguage}
      </button>
      <button
        type="button"
        class="button button-icon button-quiet"
        title={label}
        aria-label={label}
        onClick={() => (theme.value = NEXT[theme.value])}
      >
        <Icon name={ICONS[theme.value]} />
      </button>
    </div>
  );
};
