import { defineComponent, shallowRef } from 'vue';
import { costReport } from '@lade/bucket-cost';
import type { BucketContents, NodeSummary } from '@lade/control-protocol';
import type { ApiError } from '../../api/api-error.ts';
import { ErrorNote } from '../../components/error-note.tsx';
import { Panel } from '../../components/panel.tsx';
import { TableWrap } from '../../components/table-wrap.tsx';
import { formatBytes, formatCost, formatCount } from '../../i18n/format.ts';
import { t } from '../../i18n/index.ts';
import { forgetPrices, prices, takePrices } from './kept-prices.ts';

interface CostPanelProps {
  readonly contents: BucketContents;
  readonly nodes: readonly NodeSummary[];
}

/** What all nodes have asked of the bucket month by month, and what that and the storage may cost at the user's own prices. */
export const CostPanel = defineComponent(
  (props: CostPanelProps) => {
    const error = shallowRef<ApiError>();
    const take = async (event: Event): Promise<void> => {
      const input = event.target as HTMLInputElement;
      const [file] = input.files ?? [];
      if (file) error.value = await takePrices(file);
      input.value = '';
    };
    return () => {
      const words = t().bucket;
      const known = prices.value;
      return (
        <Panel title={words.cost} note={known ? words.costNote(known.asOf) : words.costNoPrices} flush>
          {{
            actions: () => [
              <label class="button file-button">
                {words.choosePrices}
                <input type="file" accept="application/json,.json" onChange={(event) => void take(event)} />
              </label>,
              known ? (
                <button type="button" class="button" onClick={forgetPrices}>
                  {words.forgetPrices}
                </button>
              ) : null,
            ],
            default: () => [
              error.value ? (
                <div class="pad">
                  <ErrorNote error={error.value} />
                </div>
              ) : null,
              <CostTable contents={props.contents} nodes={props.nodes} />,
            ],
          }}
        </Panel>
      );
    };
  },
  { props: ['contents', 'nodes'] },
);

function CostTable({ contents, nodes }: CostPanelProps) {
  const words = t().bucket;
  const known = prices.value;
  const { months, stored } = costReport(nodes, contents.kinds, known);
  const bytes = stored.reduce((sum, kind) => sum + kind.bytes, 0);
  const storedCost = stored.reduce((sum, kind) => sum + (kind.cost ?? 0), 0);
  const amount = (cost: number | undefined) =>
    known ? <td class="number">{cost === undefined ? '' : formatCost(cost, known.currency)}</td> : null;
  return (
    <TableWrap label={words.cost}>
      <table>
        <thead>
          <tr>
            <th>{words.month}</th>
            <th class="number">{words.requests}</th>
            <th class="number">{words.bytesRead}</th>
            <th class="number">{words.bytesWritten}</th>
            {known ? <th class="number">{words.cost}</th> : null}
          </tr>
        </thead>
        <tbody>
          {months.map(({ month, requests, cost }) => {
            const figures = Object.values(requests);
            const sum = (name: 'requests' | 'receivedBytes' | 'sentBytes'): number =>
              figures.reduce((total, each) => total + each[name], 0);
            return (
              <tr key={month}>
                <td>{month}</td>
                <td class="number">{formatCount(sum('requests'))}</td>
                <td class="number">{formatBytes(sum('receivedBytes'))}</td>
                <td class="number">{formatBytes(sum('sentBytes'))}</td>
                {amount(cost)}
              </tr>
            );
          })}
          <tr>
            <td>{words.storedForAMonth}</td>
            <td />
            <td />
            <td class="number">{formatBytes(bytes)}</td>
            {amount(storedCost)}
          </tr>
        </tbody>
      </table>
    </TableWrap>
  );
}
CostTable.props = ['contents', 'nodes'];
