import './styles/index.css';
import { createApp } from 'vue';
import { takeTokenFromAddress } from './api/token.ts';
import { applyTheme } from './composables/theme.ts';
import { applyLanguage } from './i18n/index.ts';
import { openRouter } from './router.ts';
import { Shell } from './shell.tsx';

takeTokenFromAddress();
applyTheme();
applyLanguage();
createApp(Shell).use(openRouter()).mount('#app');
