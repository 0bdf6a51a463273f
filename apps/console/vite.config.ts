import type { UserConfig } from 'vite';

/** Everything from the daemon's own address: no inline scripts, no eval, names by content. */
const config: UserConfig = {
  root: import.meta.dirname,
  base: './',
  clearScreen: false,
  oxc: { jsx: { runtime: 'automatic', importSource: 'vue' } },
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
  },
  build: {
    target: 'es2022',
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    emptyOutDir: true,
  },
};

// oxlint-disable-next-line import/no-default-export -- Vite reads it.
export default config;
