import { defineComponent, useId } from 'vue';
import { chooseNamespace, namespace, namespaces } from '../composables/namespace.ts';
import { t } from '../i18n/index.ts';

/** Which of containerd's namespaces is looked at; nothing where there is no choice. */
export const NamespaceChoice = defineComponent(
  (props: { readonly onChosen: () => void }) => {
    const id = useId();
    const choose = (event: Event): void => {
      chooseNamespace((event.target as HTMLSelectElement).value);
      props.onChosen();
    };
    return () =>
      namespaces.value.length < 2 ? null : (
        <div class="namespace">
          <label for={id}>{t().app.namespace}</label>
          <select id={id} title={t().app.namespaceText} value={namespace.value} onChange={choose}>
            {namespaces.value.map((name) => (
              <option key={name} value={name}>
                {name}
              </option>
            ))}
          </select>
        </div>
      );
  },
  { props: ['onChosen'] },
);
