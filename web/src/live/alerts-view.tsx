import { type ReadonlySignal, useSignal, useSignalEffect } from "@preact/signals";
import type { Place, Rows } from "../transcript/rows";
import { announce } from "../ui/announcer";
import { clock } from "../ui/format";
import { Icon } from "../ui/icon";
import "./alerts.css";
import { placeOf, type Raised, type ToldAlerts } from "./alerts";

const POINTED_MS = 6000;

/** What the tenant's rules have to say while people speak; the newest first. */
export function AlertsView(props: { alerts: readonly Raised[]; point: (alert: Raised) => void }) {
  const { alerts, point } = props;
  if (alerts.length === 0) return null;
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reachable by keyboard
    <aside class="alerts" aria-label="Alerts" tabIndex={0}>
      <ol>
        {alerts.toReversed().map((alert) => (
          <li key={alert.key} class="alert-card sheet">
            <p class="alert-head">
              <Icon name="alert" />
              <strong>{alert.category}</strong>
              <button
                type="button"
                class="time number"
                aria-label={`Show where: ${alert.rule}, at ${clock(alert.at)}`}
                onClick={() => point(alert)}
              >
                {clock(alert.at)}
              </button>
            </p>
            <p class="small quiet">{alert.rule}</p>
            <p>{alert.suggestion}</p>
          </li>
        ))}
      </ol>
    </aside>
  );
}

/** Where an alert that was clicked points to, for a while. */
export function usePointed(rows: ReadonlySignal<Rows>) {
  const place = useSignal<Place | null>(null);
  useSignalEffect(() => {
    if (!place.value) return;
    const timer = setTimeout(() => {
      place.value = null;
    }, POINTED_MS);
    return () => clearTimeout(timer);
  });
  const point = (alert: Raised) => {
    place.value = placeOf(rows.peek(), alert);
  };
  return { place, point };
}

interface SpokenProps {
  alerts: ReadonlySignal<readonly Raised[]>;
  told: ToldAlerts;
}

/** Has a screen reader say alerts when it is done with what it says: nothing takes the focus. */
export function AlertsAloud({ alerts, told }: SpokenProps) {
  useSignalEffect(() => {
    for (const { category, suggestion } of told.fresh(alerts.value)) {
      announce(`Alert, ${category}: ${suggestion}`);
    }
  });
  return null;
}
