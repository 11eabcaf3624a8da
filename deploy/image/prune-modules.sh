#!/bin/sh
# Removes from a folder of production dependencies what no program reads at run time, more than half of it:
#   prune-modules.sh node_modules
# test/deploy/image.spec.ts starts the service with every broker from what is left, and looks for modules that are missed.
set -eu
cd "${1:?the node_modules folder}"

# Source maps and TypeScript (declarations, sources).
find . -type f \( -name '*.map' -o -name '*.ts' -o -name '*.mts' -o -name '*.cts' \) -delete
# Prose, but never a licence.
find . -type f \( -name '*.md' -o -name '*.markdown' \) ! -iname 'licen[cs]e*' ! -iname 'notice*' -delete

# Only in a package's own folder: deeper down such a name can be a part of the program (yaml/dist/doc).
for name in test tests spec specs doc docs example examples benchmark benchmarks coverage .github; do
  rm -rf ./[!@]*/"$name" ./@*/*/"$name"
done

find . -type d -empty -delete
