import { defineComponent, onScopeDispose, ref, shallowRef, useId } from 'vue';
import type { GarbageEvent, GarbageTotals } from '@lade/control-protocol';
import { toApiError, type ApiError } from '../../api/api-error.ts';
import { collectGarbage } from '../../api/endpoints.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { Panel } from '../../components/panel.tsx';
import { formatBytes, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';

const SAMPLE = 50;
const DEFAULT_GRACE_DAYS = 7;

interface Found {
  readonly key: string;
  readonly sizeBytes: number;
}

/** First what would go, then, when the person has seen and confirmed it, its removal. */
export const GarbagePanel = defineComponent(
  (props: { readonly onRemoved: () => void }) => {
    const days = ref(DEFAULT_GRACE_DAYS);
    const [running, confirming] = [ref(false), ref(false)];
    const listed = ref<number>();
    const sample = shallowRef<readonly Found[]>([]);
    const totals = shallowRef<GarbageTotals>();
    const error = shallowRef<ApiError>();
    const id = useId();
    const leaving = new AbortController();
    onScopeDispose(() => leaving.abort());

    const take = (event: GarbageEvent): void => {
      if (event.kind === 'listed') listed.value = event.objects;
      else if (event.kind === 'collected') totals.value = event;
      else if (sample.value.length < SAMPLE) sample.value = [...sample.value, event];
    };
    const run = async (dryRun: boolean): Promise<void> => {
      [running.value, listed.value, sample.value] = [true, undefined, []];
      [totals.value, error.value] = [undefined, undefined];
      try {
        for await (const event of collectGarbage(
          { dryRun, graceDays: days.value },
          { signal: leaving.signal },
        ))
          take(event);
        if (!dryRun) props.onRemoved();
      } catch (reason) {
        if (!leaving.signal.aborted) error.value = toApiError(reason);
      } finally {
        running.value = false;
      }
    };
    return () => {
      const words = t().bucket;
      const found = totals.value;
      return (
        <Panel title={words.gc}>
          <div class="stack">
            <p class="quiet">{words.gcText}</p>
            <form
              class="fields"
              onSubmit={(event) => {
                event.preventDefault();
                void run(true);
              }}
            >
              <div class="field field-narrow">
                <label for={id}>{words.grace}</label>
                <input
                  id={id}
                  type="number"
                  min={1}
                  max={365}
                  value={days.value}
                  onInput={(event) => {
                    const value = (event.target as HTMLInputElement).valueAsNumber;
                    days.value = Number.isFinite(value) && value >= 1 ? value : DEFAULT_GRACE_DAYS;
                    totals.value = undefined;
                  }}
                />
              </div>
              <button type="submit" class="button" disabled={running.value}>
                <Icon name="search" />
                {words.dryRun}
              </button>
              {found?.dryRun && found.garbageObjects > 0 ? (
                <button
                  type="button"
                  class="button button-danger"
                  disabled={running.value}
                  onClick={() => (confirming.value = true)}
                >
                  {words.gcRemove(formatCount(found.garbageObjects))}
                </button>
              ) : null}
            </form>
            <div role="status" class="stack">
              {listed.value === undefined || found ? null : (
                <p class="quiet">{words.gcListed(formatCount(listed.value))}</p>
              )}
              {found ? <Outcome totals={found} /> : null}
            </div>
            {sample.value.length === 0 ? null : (
              <details>
                <summary>{words.gcSample}</summary>
                <ul class="garbage">
                  {sample.value.map(({ key, sizeBytes }) => (
                    <li key={key}>
                      <code class="break">{key}</code>
                      <span class="number">{formatBytes(sizeBytes)}</span>
                    </li>
                  ))}
                </ul>
              </details>
            )}
            {error.value ? <ErrorNote error={error.value} /> : null}
            {confirming.value && found ? (
              <ConfirmDialog
                title={words.gcConfirmTitle}
                text={words.gcConfirmText(formatCount(found.garbageObjects), formatBytes(found.garbageBytes))}
                action={words.gcConfirm}
                run={async () => run(false)}
                onClose={() => (confirming.value = false)}
              />
            ) : null}
          </div>
        </Panel>
      );
    };
  },
  { props: ['onRemoved'] },
);

function Outcome({ totals }: { readonly totals: GarbageTotals }) {
  const words = t().bucket;
  const { dryRun, garbageObjects, garbageBytes, keptObjects, keptBytes, youngObjects } = totals;
  const [count, size] = [formatCount(garbageObjects), formatBytes(garbageBytes)];
  return (
    <ul class="outcome">
      <li>
        <strong>
          {garbageObjects === 0
            ? words.gcNothing
            : dryRun
              ? words.gcFound(count, size)
              : words.gcRemoved(count, size)}
        </strong>
      </li>
      <li>{words.gcKept(formatCount(keptObjects), formatBytes(keptBytes))}</li>
      {youngObjects === 0 ? null : <li>{words.gcYoung(formatCount(youngObjects))}</li>}
    </ul>
  );
}
Outcome.props = ['totals'];
