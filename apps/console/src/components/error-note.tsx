import type { FunctionalComponent } from 'vue';
import type { ApiError } from '../api/api-error.ts';
import { t } from '../i18n/index.ts';
import { Icon } from './icon.tsx';

/** What failed, why, and what to do. */
export const ErrorNote: FunctionalComponent<{ readonly error: ApiError; readonly onRetry?: () => void }> = ({
  error,
  onRetry,
}) => {
  const codes: Readonly<Record<string, string>> = t().errors.codes;
  const lost = error.message === 'Cannot reach the daemon';
  return (
    <div class="note note-bad" role="alert">
      <Icon name="warning" />
      <div class="note-body">
        <strong>{lost ? t().app.unreachable : (codes[error.code] ?? error.code)}</strong>
        {lost ? null : <p>{error.message}</p>}
        {lost || error.cure !== undefined ? (
          <p class="cure">
            <span class="cure-label">{t().errors.cure}</span>
            {lost ? t().app.unreachableCure : error.cure}
          </p>
        ) : null}
        {onRetry === undefined ? null : (
          <button type="button" class="button" onClick={onRetry}>
            {t().words.retry}
          </button>
        )}
      </div>
    </div>
  );
};
ErrorNote.props = ['error', 'onRetry'];
