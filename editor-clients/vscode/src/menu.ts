// The menu behind the status bar item: what a person may want of a completion server, and nothing else.
import * as vscode from 'vscode';
import { command, type Server } from './server';
import type { StatusBar } from './status';
import { inTerminal } from './program';

type Choice = vscode.QuickPickItem & { run: () => unknown };

export async function showMenu(server: Server, bar: StatusBar): Promise<void> {
  await choose(`lowabs: ${bar.line()}`, [
    ...activity(server, bar),
    ...currentLanguage(),
    { label: '$(settings) Threshold', description: String(configuration().get('completion.precision')), run: chooseThreshold },
    { label: '$(package) Model', description: configuration().get('model') || 'the default model', run: chooseModel },
    { label: '$(refresh) Restart server', run: () => server.start() },
    { label: '$(output) Show log', run: () => server.showLog() },
    { label: '$(pulse) Examine this machine', run: examine },
    { label: '$(gear) Settings', run: () => vscode.commands.executeCommand('workbench.action.openSettings', '@ext:lowabs.lowabs-lsp') },
  ]);
}

/** `lowabs-lsp doctor` in a terminal. */
export function examine(): void {
  inTerminal([...command(), 'doctor']);
}

/** Turn the current file's language off, or on again. */
export async function toggleLanguage(): Promise<void> {
  await currentLanguage()[0]?.run();
}

function activity(server: Server, bar: StatusBar): Choice[] {
  switch (bar.state()) {
    case 'paused':
      return [{ label: '$(play) Resume', run: () => server.execute('lowabs.resume') }];
    case 'off':
      return configuration().get('enabled') ? [] : [{ label: '$(play) Turn on', run: () => update('enabled', true) }];
    case 'missing': case 'stopped':
      return [{ label: '$(play) Start server', run: () => server.start() }];
    default:
      return [
        { label: '$(debug-pause) Pause', run: () => server.execute('lowabs.pause') },
        { label: '$(watch) Pause for half an hour', run: () => server.execute('lowabs.pause', 30) },
      ];
  }
}

function currentLanguage(): Choice[] {
  const language = vscode.window.activeTextEditor?.document.languageId;
  if (!language) return [];
  const off = configuration().get<string[]>('disabledLanguages', []), isOff = off.includes(language);
  const languages = isOff ? off.filter((each) => each !== language) : [...off, language];
  return [{ label: `$(code) Turn ${isOff ? 'on' : 'off'} for ${language}`, run: () => update('disabledLanguages', languages) }];
}

async function chooseThreshold(): Promise<void> {
  const value = await vscode.window.showInputBox({
    title: 'lowabs: show suggestions of which this share is right',
    prompt: 'From 0, which shows all, to 1',
    value: String(configuration().get('completion.precision')),
    validateInput: (text) => (text.trim() !== '' && Number(text) >= 0 && Number(text) <= 1 ? undefined : 'A number from 0 to 1'),
  });
  if (value !== undefined) await update('completion.precision', Number(value));
}

async function chooseModel(): Promise<void> {
  await choose('lowabs: model', [
    { label: '$(package) The default model', run: () => update('model', undefined) },
    { label: '$(folder) A model bundle…', run: chooseFolder },
  ]);
}

async function chooseFolder(): Promise<void> {
  const folders = await vscode.window.showOpenDialog({ canSelectFolders: true, canSelectFiles: false, title: 'Folder of a model bundle' });
  if (folders?.[0]) await update('model', folders[0].fsPath);
}

async function choose(title: string, choices: Choice[]): Promise<void> {
  await (await vscode.window.showQuickPick(choices, { title }))?.run();
}

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration('lowabs');
}

function update(key: string, value: unknown): Thenable<void> {
  return configuration().update(key, value, vscode.ConfigurationTarget.Global);
}
