/**
 * Suites that prove the same with more load and more repeats run in two sizes: short in `npm test`, full in
 * `npm run test:chaos` and where TEST_SIZE=full is set.
 */
export function sized<T>(sizes: { readonly short: T; readonly full: T }): T {
  return process.env['TEST_SIZE'] === 'full' ? sizes.full : sizes.short;
}
