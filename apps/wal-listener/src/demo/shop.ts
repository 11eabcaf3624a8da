/** What a step's changes look like to a consumer: so many events of one action on one table. */
export interface Expected {
  readonly table: string;
  readonly action: 'INSERT' | 'UPDATE' | 'DELETE' | 'TRUNCATE';
  readonly count: number;
}

/** One transaction of the demonstration and what must come out of it. */
export interface Step {
  readonly title: string;
  readonly sql: string;
  readonly expected: readonly Expected[];
}

/** Rows of the large transaction. */
export const LARGE_TRANSACTION_ROWS = 20_000;

/** A small shop: a table with each kind of replica identity, one with a value stored out of line, one that grows fast. */
export const SHOP_SCHEMA = `
CREATE TABLE customers (
  id int PRIMARY KEY, name text NOT NULL, email text, joined timestamptz NOT NULL DEFAULT now(), settings jsonb);
CREATE TABLE products (id int PRIMARY KEY, name text NOT NULL, price numeric(10,2) NOT NULL, description text);
ALTER TABLE products ALTER COLUMN description SET STORAGE EXTERNAL;
CREATE TABLE orders (
  id int PRIMARY KEY, customer_id int NOT NULL, status text NOT NULL, total numeric(10,2) NOT NULL);
ALTER TABLE orders REPLICA IDENTITY FULL;
CREATE TABLE carts (id int PRIMARY KEY, customer_id int NOT NULL, items int NOT NULL);
CREATE TABLE page_views (id bigint PRIMARY KEY, path text NOT NULL, ms real NOT NULL, seen timestamptz NOT NULL);
`;

const one = (table: string, action: Expected['action'], count = 1): Expected => ({ table, action, count });

/** The steps of round 0, 1, 2 …; every round uses keys of its own. */
export function shopSteps(round: number): Step[] {
  const first = round * 2 + 1;
  const second = first + 1;
  return [
    {
      title: 'New customers, a product with 20 KB of description, orders and carts',
      sql: `
        INSERT INTO customers (id, name, email, settings) VALUES
          (${first}, 'Ada', 'ada${first}@example.org', '{"news": true}'), (${second}, 'Grace', NULL, NULL);
        INSERT INTO products VALUES (${first}, 'Telescope', 199.90, repeat(md5('${first}'), 640));
        INSERT INTO orders VALUES (${first}, ${first}, 'new', 199.90), (${second}, ${second}, 'new', 19.99);
        INSERT INTO carts VALUES (${first}, ${first}, 3), (${second}, ${second}, 1);`,
      expected: [
        one('customers', 'INSERT', 2),
        one('products', 'INSERT'),
        one('orders', 'INSERT', 2),
        one('carts', 'INSERT', 2),
      ],
    },
    {
      title: 'An update whose old row is not sent (replica identity: primary key)',
      sql: `UPDATE customers SET email = 'grace${second}@example.org' WHERE id = ${second}`,
      expected: [one('customers', 'UPDATE')],
    },
    {
      title: 'An update with the old row (replica identity full)',
      sql: `UPDATE orders SET status = 'paid' WHERE id = ${first}`,
      expected: [one('orders', 'UPDATE')],
    },
    {
      title: 'An update that leaves the out-of-line description as it is',
      sql: `UPDATE products SET price = price - 20 WHERE id = ${first}`,
      expected: [one('products', 'UPDATE')],
    },
    {
      title: 'Deletes: the old row with replica identity full, else the key',
      sql: `DELETE FROM orders WHERE id = ${second}; DELETE FROM customers WHERE id = ${second};`,
      expected: [one('orders', 'DELETE'), one('customers', 'DELETE')],
    },
    {
      title: 'A table emptied',
      sql: 'TRUNCATE carts',
      expected: [one('carts', 'TRUNCATE')],
    },
    {
      title: `One transaction of ${LARGE_TRANSACTION_ROWS.toLocaleString('en')} rows`,
      sql: `
        INSERT INTO page_views
        SELECT ${round * LARGE_TRANSACTION_ROWS} + n, '/products/' || n % 97, n % 250 / 10.0, now()
        FROM generate_series(1, ${LARGE_TRANSACTION_ROWS}) AS n`,
      expected: [one('page_views', 'INSERT', LARGE_TRANSACTION_ROWS)],
    },
  ];
}
