import { defineComponent, ref, useId } from 'vue';
import { RouterLink } from 'vue-router';
import type { ImageLayer, ImageSummary, LayerSummary } from '@lade/control-protocol';
import { Badge } from '../../components/badge.tsx';
import { Digest } from '../../components/digest.tsx';
import { Icon } from '../../components/icon.tsx';
import { Meter } from '../../components/meter.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatDate, formatPercent, shortDigest, shortImage } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { StartTable, StartTimes } from './image-starts.tsx';

/** An image with what of it is here; its layers on demand. */
export const ImageCard = defineComponent(
  (props: {
    readonly image: ImageSummary;
    readonly layers: readonly LayerSummary[];
    /** Those that other images have, too. */
    readonly shared: ReadonlySet<string>;
    readonly onRun: () => void;
    readonly onRemove: () => void;
  }) => {
    const open = ref(false);
    const id = useId();
    return () => {
      const words = t().images;
      const { image } = props;
      const known = new Map(props.layers.map((layer) => [layer.diffId, layer]));
      const here = image.layers.filter((layer) => layer.here).length;
      const size = image.layers.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      const sizes = sizesHere(image, known);
      const sharedBytes = image.layers
        .filter(({ diffId }) => props.shared.has(diffId))
        .reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
      return (
        <article class="panel image">
          <div class="image-head">
            <div class="image-name">
              <h2 title={image.name}>{shortImage(image.name)}</h2>
              <p class="image-facts">
                <Badge tone={here === 0 ? 'calm' : 'good'}>
                  {() =>
                    here === 0
                      ? words.notOnNode
                      : here === image.layers.length
                        ? words.onNode
                        : words.here(here, image.layers.length)
                  }
                </Badge>
                {image.inBucket ? null : <Badge tone="calm">{() => words.notInBucket}</Badge>}
                <span>{image.platform}</span>
                <span title={words.compressedText}>{words.compressedSize(formatBytes(size))}</span>
                {image.publishedAt === undefined ? null : <span>{formatDate(image.publishedAt)}</span>}
                <Digest value={image.digest} />
              </p>
            </div>
            <div class="image-here">
              <span class="quiet">
                {words.onDisk}: {formatBytes(sizes.diskBytes)}
              </span>
              <span class="image-resident">
                <Meter part={sizes.residentBytes} whole={sizes.blobBytes} label={words.resident} />
                {here < image.layers.length
                  ? words.residentBytes(formatBytes(sizes.residentBytes))
                  : words.residentShare(formatPercent(sizes.residentBytes, sizes.blobBytes))}
              </span>
              {sharedBytes === 0 ? null : (
                <span class="quiet">
                  {sharedBytes === size
                    ? words.allShared
                    : words.shared(formatBytes(sharedBytes), formatBytes(size))}
                </span>
              )}
              <StartTimes starts={image.starts ?? []} />
            </div>
            <div class="row-actions">
              <button type="button" class="button" onClick={props.onRun}>
                <Icon name="play" />
                {words.run}
              </button>
              <button
                type="button"
                class="button button-icon"
                aria-label={`${t().words.remove} ${shortImage(image.name)}`}
                title={t().words.remove}
                onClick={props.onRemove}
              >
                <Icon name="trash" />
              </button>
              <button
                type="button"
                class="button"
                aria-expanded={open.value}
                aria-controls={id}
                onClick={() => (open.value = !open.value)}
              >
                <Icon name={open.value ? 'up' : 'down'} />
                {words.layerCount(image.layers.length)}
              </button>
            </div>
          </div>
          <div id={id} hidden={!open.value}>
            {open.value ? (
              <div class="stack">
                <TableWrap label={words.details}>
                  {() => <LayerTable image={image} known={known} />}
                </TableWrap>
                {image.starts ? (
                  <TableWrap label={t().starts.title}>
                    <StartTable starts={image.starts} />
                  </TableWrap>
                ) : null}
              </div>
            ) : null}
          </div>
        </article>
      );
    };
  },
  { props: ['image', 'layers', 'shared', 'onRun', 'onRemove'] },
);

type KnownLayers = ReadonlyMap<string, LayerSummary>;

/** What this node's disk holds of an image, and how much of its file data is resident, of how much. */
function sizesHere({ layers }: ImageSummary, known: KnownLayers): SizesHere {
  let [diskBytes, residentBytes, blobBytes] = [0, 0, 0];
  for (const { diffId, sizeBytes } of layers) {
    const layer = known.get(diffId);
    diskBytes += layer?.diskBytes ?? 0;
    residentBytes += layer?.residentBytes ?? 0;
    // Of a layer that is not here only the compressed size is known.
    blobBytes += layer?.blobBytes ?? sizeBytes * 2.5;
  }
  return { diskBytes, residentBytes, blobBytes };
}

interface SizesHere {
  readonly diskBytes: number;
  readonly residentBytes: number;
  readonly blobBytes: number;
}

function LayerTable({ image, known }: { readonly image: ImageSummary; readonly known: KnownLayers }) {
  const [words, general] = [t().images, t().words];
  return (
    <table>
      <thead>
        <tr>
          <th>#</th>
          <th>{general.layer}</th>
          <th class="number">{words.compressed}</th>
          <th class="number">{words.onDisk}</th>
          <th>{words.resident}</th>
          <th>{general.state}</th>
          <th>
            <span class="visually-hidden">{general.actions}</span>
          </th>
        </tr>
      </thead>
      <tbody>
        {image.layers.map((layer, i) => (
          <LayerRow key={layer.chainId} layer={layer} here={known.get(layer.diffId)} number={i + 1} />
        ))}
      </tbody>
    </table>
  );
}
LayerTable.props = ['image', 'known'];

function LayerRow({
  layer,
  here,
  number,
}: {
  readonly layer: ImageLayer;
  readonly here: LayerSummary | undefined;
  readonly number: number;
}) {
  const words = t().images;
  return (
    <tr>
      <td class="quiet">{number}</td>
      <td>
        <Digest value={layer.diffId} />
      </td>
      <td class="number">{formatBytes(layer.sizeBytes)}</td>
      <td class="number">{here ? formatBytes(here.diskBytes) : '–'}</td>
      <td class="resident-cell">
        {here
          ? [
              <Meter part={here.residentBytes} whole={here.blobBytes} label={words.resident} />,
              <span>{formatPercent(here.residentBytes, here.blobBytes)}</span>,
            ]
          : null}
      </td>
      <td class="nowrap">{here && !here.uploaded ? words.notUploaded : words.uploaded}</td>
      <td>
        {here ? (
          <RouterLink
            class="link-icon"
            to={`/layers/${layer.diffId}`}
            aria-label={`${words.openMap} ${shortDigest(layer.diffId)}`}
          >
            {() => [<Icon name="map" />, words.openMap]}
          </RouterLink>
        ) : null}
      </td>
    </tr>
  );
}
LayerRow.props = ['layer', 'here', 'number'];
