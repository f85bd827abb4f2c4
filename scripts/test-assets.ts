// Prints the folder that holds the programs of the tests, building what is missing. Nothing else goes to
// standard output, so that a shell can use it: KUBEBUILDER_ASSETS=$(npm run --silent test-assets)
import { AssetError } from '../test/support/asset-error.ts';
import { allPrograms } from '../test/support/asset-programs.ts';
import { ensureAssets } from '../test/support/assets.ts';

const interrupt = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => interrupt.abort(new AssetError(`Stopped by ${signal}.`)));
}

try {
  console.log(await ensureAssets({ programs: allPrograms, signal: interrupt.signal }));
} catch (error) {
  const cause = interrupt.signal.aborted ? interrupt.signal.reason : error;
  console.error(cause instanceof AssetError ? cause.message : cause);
  process.exitCode = interrupt.signal.aborted ? 130 : 1;
}
