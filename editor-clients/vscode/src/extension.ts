// Starts lowabs-lsp, shows its state in the status bar, and puts what a person needs into one menu.
import * as vscode from 'vscode';
import { examine, showMenu, toggleLanguage } from './menu';
import { Server } from './server';
import { StatusBar } from './status';

/** Commands of VS Code's own under names by which a person looks for them. */
const NAMED: Record<string, string> = {
  'lowabs.trigger': 'editor.action.inlineSuggest.trigger',
  'lowabs.accept': 'editor.action.inlineSuggest.commit',
  'lowabs.acceptWord': 'editor.action.inlineSuggest.acceptNextWord',
  'lowabs.acceptLine': 'editor.action.inlineSuggest.acceptNextLine',
  'lowabs.next': 'editor.action.inlineSuggest.showNext',
  'lowabs.previous': 'editor.action.inlineSuggest.showPrevious',
};

let server: Server | undefined;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const bar = new StatusBar();
  const started = (server = new Server((status) => bar.show(status)));
  const register = (name: string, run: () => unknown) => context.subscriptions.push(vscode.commands.registerCommand(name, run));
  register('lowabs.menu', () => showMenu(started, bar));
  register('lowabs.restartServer', () => started.start());
  register('lowabs.log', () => started.showLog());
  register('lowabs.doctor', examine);
  register('lowabs.toggleLanguage', toggleLanguage);
  for (const [name, own] of Object.entries(NAMED)) register(name, () => vscode.commands.executeCommand(own));
  context.subscriptions.push(
    bar,
    started,
    vscode.window.onDidChangeActiveTextEditor((editor) => {
      bar.refresh();
      if (editor) started.focus(editor);
    }),
    vscode.workspace.onDidChangeConfiguration(async (event) => {
      if (event.affectsConfiguration('lowabs.command')) await started.start();
      if (event.affectsConfiguration('lowabs')) bar.refresh();
    }),
  );
  void started.start();
}

export async function deactivate(): Promise<void> {
  await server?.stop();
}
