import { readonly, ref, type Ref } from 'vue';

const shown = ref(document.visibilityState === 'visible');
document.addEventListener('visibilitychange', () => {
  shown.value = document.visibilityState === 'visible';
});

/** Whether somebody can see the page: nothing asks the daemon for anything while nobody does. */
export const pageVisible: Readonly<Ref<boolean>> = readonly(shown);
