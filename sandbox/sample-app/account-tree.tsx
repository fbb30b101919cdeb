/**
 * The Google Ads accounts that a user reaches, as a tree: the role on each, and the header that a call needs. Owns how the
 * broker's list is shown; it does not choose a path, the broker does.
 */
import type { VNode } from 'preact';
import type { AdsAccounts, AdsCustomer } from './broker.js';

interface TreeFacts extends AdsAccounts {
  /** The account that was called, if any. */
  readonly called: string | null;
  /** Where an account is called. */
  readonly addressOf: (id: string) => string;
}

export function AccountTree({ customers, gaps, called, addressOf }: TreeFacts) {
  const known = new Set(customers.map(({ id }) => id));
  const below = (id: string) => customers.filter(({ managers }) => managers.includes(id));
  const tops = customers.filter(({ managers }) => !managers.some((manager) => known.has(manager)));
  // An account can have several managers: what is below it is shown once.
  const shown = new Set<string>();
  const branch = (customer: AdsCustomer): VNode => {
    const isRepeated = shown.has(customer.id);
    shown.add(customer.id);
    const clients = isRepeated ? [] : below(customer.id);
    return (
      <li>
        {customer.manager || customer.id === called ? (
          <strong>{labelOf(customer)}</strong>
        ) : (
          <a href={addressOf(customer.id)}>{labelOf(customer)}</a>
        )}
        {customer.id === called ? <span class="badge good">called here</span> : null}
        {customer.access.map((path) => (
          <span class="path">{inWords(path)}</span>
        ))}
        {clients.length === 0 ? null : <ul>{clients.map(branch)}</ul>}
      </li>
    );
  };
  return (
    <>
      <ul class="tree">{tops.map(branch)}</ul>
      {gaps.map(({ customer_id, why, cause, remedy }) => (
        <p class="notice warn">
          {customer_id} is not complete ({cause ?? why}). {remedy}
        </p>
      ))}
    </>
  );
}

function inWords({ role, login_customer_id, header_needed }: AdsCustomer['access'][number]): string {
  const as = role ?? 'role not shown';
  return header_needed ? `${as}, login-customer-id: ${login_customer_id}` : `${as}, direct: no header needed`;
}

export function labelOf({ id, name }: AdsCustomer): string {
  return name === null ? id : `${name} (${id})`;
}
