#!/usr/bin/env bash
# Builds lowabs-lsp.vsix, the extension as one file, from what package-lock.json names. Needs Node.js 20 or newer.
set -euo pipefail
cd "$(dirname "$0")"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --silent --no-audit --no-fund
npm run --silent package
