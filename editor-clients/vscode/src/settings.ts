// What the user has set, and nothing else: the server knows its own defaults, and its command line may have said otherwise.
import type { WorkspaceConfiguration } from 'vscode';
import manifest from '../package.json';

/** Settings of this extension, of which the server knows nothing. */
const OWN = new Set(['lowabs.command']);

export function explicitSettings(configuration: WorkspaceConfiguration): Record<string, unknown> {
  const settings: Record<string, unknown> = {};
  for (const name of Object.keys(manifest.contributes.configuration.properties).filter((name) => !OWN.has(name))) {
    const key = name.slice('lowabs.'.length);
    const found = configuration.inspect(key);
    const value = found?.workspaceFolderValue ?? found?.workspaceValue ?? found?.globalValue;
    if (value !== undefined) put(settings, key.split('.'), value);
  }
  return settings;
}

function put(settings: Record<string, unknown>, path: string[], value: unknown): void {
  const [first = '', ...rest] = path;
  if (rest.length === 0) settings[first] = value;
  else put((settings[first] ??= {}) as Record<string, unknown>, rest, value);
}
