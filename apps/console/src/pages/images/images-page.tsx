import { defineComponent, ref, useId } from 'vue';
import type { ImageSummary, PullRequest } from '@lade/control-protocol';
import { fetchLayers, removeImage } from '../../api/endpoints.ts';
import { ConfirmDialog } from '../../components/confirm-dialog.tsx';
import { EmptyNote } from '../../components/empty-note.tsx';
import { ErrorNote } from '../../components/error-note.tsx';
import { Icon } from '../../components/icon.tsx';
import { PageHead } from '../../components/panel.tsx';
import { useImages } from '../../composables/images.ts';
import { namespace } from '../../composables/namespace.ts';
import { usePoll } from '../../composables/use-poll.ts';
import { shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { ImageCard } from './image-card.tsx';
import { PullCard } from './pull-card.tsx';
import { pulls, startPull } from './pulls.ts';
import { RunDialog } from './run-dialog.tsx';

const EVERY_MS = 5000;

export const ImagesPage = defineComponent(() => {
  const images = useImages(EVERY_MS);
  const layers = usePoll(fetchLayers, EVERY_MS);
  const running = ref<string>();
  const removing = ref<string>();
  const refresh = (): void => {
    images.refresh();
    layers.refresh();
  };
  return () => {
    const words = t().images;
    const name = removing.value;
    const shared = sharedLayers(images.value.value ?? []);
    return (
      <div class="page">
        <PageHead title={words.title} subtitle={words.subtitle} />
        <PullForm onPull={(request) => startPull(request, refresh)} />
        {pulls.map((pull) => (
          <PullCard key={pull.image} pull={pull} known={layers.value.value ?? []} />
        ))}
        {images.error.value ? <ErrorNote error={images.error.value} onRetry={images.refresh} /> : null}
        {images.value.value?.length === 0 ? (
          <EmptyNote icon="images" title={words.empty} text={words.emptyText} />
        ) : null}
        {(images.value.value ?? []).map((image) => (
          <ImageCard
            key={`${image.name} ${image.platform}`}
            image={image}
            layers={layers.value.value ?? []}
            shared={shared}
            onRun={() => (running.value = image.name)}
            onRemove={() => (removing.value = image.name)}
          />
        ))}
        {running.value === undefined ? null : (
          <RunDialog image={running.value} onClose={() => (running.value = undefined)} />
        )}
        {name === undefined ? null : (
          <ConfirmDialog
            title={words.removeTitle(shortImage(name))}
            text={words.removeText}
            action={t().words.remove}
            run={async () => {
              await removeImage(name, namespace.value);
              refresh();
            }}
            onClose={() => (removing.value = undefined)}
          />
        )}
      </div>
    );
  };
});

/** Layers of more than one image; an image under several names is one. */
function sharedLayers(images: readonly ImageSummary[]): ReadonlySet<string> {
  const owners = new Map<string, string>();
  const shared = new Set<string>();
  for (const { digest, layers } of images)
    for (const { diffId } of layers) {
      const owner = owners.get(diffId) ?? digest;
      owners.set(diffId, owner);
      if (owner !== digest) shared.add(diffId);
    }
  return shared;
}

const PullForm = defineComponent(
  (props: { readonly onPull: (request: PullRequest) => void }) => {
    const [image, from] = [ref(''), ref<'any' | 'bucket' | 'registry'>('any')];
    const ids = { image: useId(), from: useId() };
    const submit = (event: Event): void => {
      event.preventDefault();
      const name = image.value.trim();
      if (name === '') return;
      props.onPull({ image: name, from: from.value, namespace: namespace.value });
      image.value = '';
    };
    return () => {
      const words = t().images;
      return (
        <form class="fields" onSubmit={submit}>
          <div class="field field-wide">
            <label for={ids.image}>{words.pullLabel}</label>
            <input
              id={ids.image}
              autocapitalize="off"
              autocomplete="off"
              spellcheck={false}
              placeholder={words.pullHint}
              value={image.value}
              onInput={(event) => (image.value = (event.target as HTMLInputElement).value)}
            />
          </div>
          <div class="field field-narrow">
            <label for={ids.from}>{words.from}</label>
            <select
              id={ids.from}
              value={from.value}
              onChange={(event) => (from.value = (event.target as HTMLSelectElement).value as 'any')}
            >
              {(['any', 'bucket', 'registry'] as const).map((name) => (
                <option key={name} value={name}>
                  {words.sources[name]}
                </option>
              ))}
            </select>
          </div>
          <button type="submit" class="button button-primary" disabled={image.value.trim() === ''}>
            <Icon name="download" />
            {words.pull}
          </button>
        </form>
      );
    };
  },
  { props: ['onPull'] },
);
