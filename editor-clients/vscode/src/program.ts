// Where lowabs-lsp is on this machine, and how it gets there.
import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';
import * as vscode from 'vscode';

const ENDINGS = process.platform === 'win32' ? ['.exe', '.cmd', '.bat', ''] : [''];

/** Where pipx and uv put programs, also where a desktop's PATH lacks it. */
const USER_PROGRAMS = join(homedir(), '.local', 'bin');

/** Each puts the program and its Python packages into an environment of their own. */
const INSTALLERS = [
  ['uv', 'tool', 'install', 'lowabs-lsp'],
  ['pipx', 'install', 'lowabs-lsp'],
];

/** The path of a program that is named by its path or found on the PATH; undefined where there is none. */
export function find(program: string): string | undefined {
  const folders = /[/\\]/.test(program) ? [''] : [...(process.env.PATH ?? '').split(delimiter), USER_PROGRAMS];
  const paths = folders.flatMap((folder) => ENDINGS.map((ending) => join(folder, program + ending)));
  return paths.find((path) => existsSync(path));
}

/** Say that the program is missing; true once it is installed. */
export async function offerInstallation(program: string): Promise<boolean> {
  const installer = INSTALLERS.find(([name = '']) => find(name));
  const install = `Install with ${installer?.[0]}`, explain = 'How to install', settings = 'Say where it is';
  const message = `lowabs: ${program} is not on this machine.`;
  const choice = await vscode.window.showWarningMessage(message, installer ? install : explain, settings);
  if (choice === install && installer) return run(installer);
  if (choice === explain) await vscode.env.openExternal(vscode.Uri.parse('https://pipx.pypa.io/stable/installation/'));
  if (choice === settings) await vscode.commands.executeCommand('workbench.action.openSettings', 'lowabs.command');
  return false;
}

/** Run an installer where one sees what it says; whether it ended well. */
async function run([name = '', ...args]: string[]): Promise<boolean> {
  const execution = new vscode.ProcessExecution(find(name) ?? name, args);
  const task = new vscode.Task({ type: 'lowabs' }, vscode.TaskScope.Workspace, 'install lowabs-lsp', 'lowabs', execution);
  const started = await vscode.tasks.executeTask(task);
  return new Promise((resolve) => {
    const listener = vscode.tasks.onDidEndTaskProcess((event) => {
      if (event.execution !== started) return;
      listener.dispose();
      resolve(event.exitCode === 0);
    });
  });
}

/** Run a command where one sees what it says. */
export function inTerminal([program = '', ...args]: string[]): void {
  const name = ['lowabs', ...args].join(' ');
  const terminal = vscode.window.createTerminal({ name, shellPath: find(program) ?? program, shellArgs: args });
  terminal.show();
}
