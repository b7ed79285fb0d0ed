// Starts lowabs-lsp, shows its state in the status bar, and puts what a person needs into one menu.
import { existsSync } from 'node:fs';
import { delimiter, join, sep } from 'node:path';
import * as vscode from 'vscode';
import { LanguageClient, State } from 'vscode-languageclient/node';
import { explicitSettings } from './settings';

const SECTION = 'lowabs';
let client: LanguageClient | undefined;
let status: vscode.StatusBarItem;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  status = vscode.window.createStatusBarItem('lowabs', vscode.StatusBarAlignment.Right, 100);
  status.name = 'lowabs';
  status.command = 'lowabs.menu';
  status.show();
  context.subscriptions.push(
    status,
    vscode.commands.registerCommand('lowabs.menu', showMenu),
    vscode.commands.registerCommand('lowabs.restart', start),
    vscode.commands.registerCommand('lowabs.log', () => client?.outputChannel.show()),
    vscode.commands.registerCommand('lowabs.doctor', () => inTerminal([...command(), 'doctor'])),
    vscode.window.onDidChangeActiveTextEditor(showState),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration(`${SECTION}.command`)) await start();
      showState();
    }),
  );
  await start();
}

export async function deactivate(): Promise<void> {
  await client?.dispose();
}

function configuration(): vscode.WorkspaceConfiguration {
  return vscode.workspace.getConfiguration(SECTION);
}

function command(): string[] {
  return configuration().get<string[]>('command', ['lowabs-lsp']);
}

/** Start the server, anew if it runs; offer to install it where it is missing. */
async function start(): Promise<void> {
  await client?.dispose();
  client = undefined;
  const [program = 'lowabs-lsp', ...args] = command();
  if (!exists(program)) {
    showState();
    return offerInstallation(program);
  }
  client = new LanguageClient(SECTION, 'lowabs', { command: program, args }, {
    documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }],
    initializationOptions: explicitSettings(configuration()),
    middleware: { workspace: { configuration: async () => [explicitSettings(configuration())] } },
  });
  client.onDidChangeState(showState);
  await client.start();
}

/** Whether the program is where it is said to be, or on the PATH. */
function exists(program: string): boolean {
  const folders = program.includes('/') || program.includes(sep) ? [''] : (process.env.PATH ?? '').split(delimiter);
  const endings = process.platform === 'win32' ? ['', '.exe', '.cmd', '.bat'] : [''];
  return folders.some((folder) => endings.some((ending) => existsSync(join(folder, program + ending))));
}

async function offerInstallation(program: string): Promise<void> {
  const install = 'Install with pipx', settings = 'Say where it is';
  const choice = await vscode.window.showWarningMessage(`lowabs: ${program} is not on the PATH.`, install, settings);
  if (choice === install) inTerminal(['pipx', 'install', 'lowabs-lsp']);
  if (choice === settings) await vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.command`);
}

function inTerminal(words: string[]): void {
  const terminal = vscode.window.createTerminal('lowabs');
  terminal.show();
  terminal.sendText(words.map((word) => (/^[\w./:@=-]+$/.test(word) ? word : JSON.stringify(word))).join(' '));
}

function language(): string | undefined {
  return vscode.window.activeTextEditor?.document.languageId;
}

/** Why nothing is offered here; undefined where something may be. */
function silence(): string | undefined {
  if (client?.state !== State.Running) return client?.state === State.Starting ? 'starting' : 'not running';
  if (!configuration().get('enabled', true)) return 'paused';
  const current = language();
  return current && configuration().get<string[]>('disabledLanguages', []).includes(current) ? `off in ${current}` : undefined;
}

function showState(): void {
  const reason = silence();
  status.text = reason ? '$(circle-slash) lowabs' : '$(sparkle) lowabs';
  status.tooltip = reason ? `lowabs: ${reason}` : 'lowabs: ready';
}

type Choice = vscode.QuickPickItem & { run: () => unknown };

async function showMenu(): Promise<void> {
  const settings = configuration(), current = language();
  const off = settings.get<string[]>('disabledLanguages', []), enabled = settings.get('enabled', true);
  const choices: Choice[] = [
    { label: enabled ? '$(debug-pause) Pause' : '$(play) Resume', run: () => update('enabled', !enabled) },
    { label: '$(refresh) Restart server', run: start },
    { label: '$(output) Show log', run: () => client?.outputChannel.show() },
    { label: '$(pulse) Examine this machine', run: () => inTerminal([...command(), 'doctor']) },
    { label: '$(gear) Settings', run: () => vscode.commands.executeCommand('workbench.action.openSettings', `${SECTION}.`) },
  ];
  if (current) {
    const isOff = off.includes(current);
    const languages = isOff ? off.filter((each) => each !== current) : [...off, current];
    choices.splice(1, 0, { label: `$(code) Turn ${isOff ? 'on' : 'off'} for ${current}`, run: () => update('disabledLanguages', languages) });
  }
  await (await vscode.window.showQuickPick(choices, { title: `lowabs: ${silence() ?? 'ready'}` }))?.run();
}

function update(key: string, value: unknown): Thenable<void> {
  return configuration().update(key, value, vscode.ConfigurationTarget.Global);
}
