import { writeFileSync } from 'node:fs';
import { GENERATED_FILES } from './generated-files.js';

// Run from the repository's root: npm run docs:config
for (const { path, render } of GENERATED_FILES) writeFileSync(path, render());
