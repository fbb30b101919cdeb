import type { FoundUser } from '../../token-store/grants/grant-search.repository.js';
import { userPath } from '../paths.js';
import { SearchForm, SelectField, TextField } from '../views/fields.js';
import { Layout, renderConsole, type Viewer } from '../views/layout.js';
import { Card, whole } from '../views/parts.js';
import { Pager, Table } from '../views/table.js';

export const SEARCHED = ['id', 'email', 'sub'] as const;

/** What a search looks for: the beginning of a user's id, or an account. */
export type Searched = (typeof SEARCHED)[number];

const NAMES: Readonly<Record<Searched, string>> = {
  id: 'The beginning of the user id',
  email: 'The email address of the account',
  sub: 'The id of the account (sub)',
};

interface UsersFacts {
  readonly person: Viewer;
  readonly text: string | null;
  readonly by: Searched;
  readonly users: readonly FoundUser[];
  readonly next: string | null;
}

/** Finds users by their id, or by an account that they connected. */
export function usersPage({ person, text, by, users, next }: UsersFacts): string {
  return renderConsole(
    <Layout
      person={person}
      at="/console/users"
      title="Users"
      lead="Everyone with a grant, by the id that your app gave"
    >
      <SearchForm action="/console/users" button="Search">
        <TextField name="text" label="Search" value={text} placeholder="User id, email address or sub" />
        <SelectField
          name="by"
          label="Look for"
          any="What it looks like"
          value={text === null ? null : by}
          options={SEARCHED.map((value) => ({ value, name: NAMES[value] }))}
        />
      </SearchForm>
      <Card title="Found" note={text === null ? 'All users' : NAMES[by]}>
        <Table
          caption="Users"
          columns={[
            { name: 'User', cell: ({ userId }) => <a href={userPath(userId)}>{userId}</a> },
            { name: 'Grants', isNumber: true, cell: ({ grants }) => whole(grants) },
            { name: 'Active', isNumber: true, cell: ({ active }) => whole(active) },
          ]}
          rows={users}
          empty={<Nothing text={text} by={by} />}
          staysTable
        />
        <Pager next={next} />
      </Card>
    </Layout>,
  );
}

/** Someone without a grant has a page, too: from there an operator sends a link. */
function Nothing({ text, by }: Pick<UsersFacts, 'text' | 'by'>) {
  if (text === null) return <>No user has connected an account yet.</>;
  return (
    <>
      No user with a grant is found by this.
      {by === 'id' ? (
        <>
          {' '}
          <a href={userPath(text)}>Open the page of {text}</a>
        </>
      ) : null}
    </>
  );
}
