import { writeFileSync } from 'node:fs';
import { renderErrorsPage } from './render-errors-page.js';

// Run from the repository's root: npm run docs:errors
writeFileSync('docs/errors.md', renderErrorsPage());
