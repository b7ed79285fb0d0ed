// The state of the server, and the status bar item that shows it.
import * as vscode from 'vscode';

/** What `lowabs/status` answers (docs/protocol.md), and two states that no server can tell. */
export interface Status {
  state: 'loading' | 'ready' | 'busy' | 'paused' | 'off' | 'error' | 'stopped' | 'missing';
  message: string;
  reason?: string | null;
  model?: string | null;
  last?: { reason: string; language: string; ms: number } | null;
}

const ICONS: Record<Status['state'], string> = {
  loading: 'loading~spin', ready: 'sparkle', busy: 'loading~spin', paused: 'debug-pause', off: 'circle-slash',
  error: 'error', stopped: 'error', missing: 'cloud-download',
};

/** Why nothing is shown, for those reasons that a person may wonder at. */
const SILENCE: Record<string, string> = {
  'empty': 'the model has nothing to insert here',
  'below-threshold': 'not likely enough',
  'mid-word': 'the cursor is inside of a word',
  'deadline': 'it took too long',
  'disabled': 'turned off here',
  'excluded': 'this file is kept from the model',
  'failed': 'a fault, see the log',
};

export class StatusBar implements vscode.Disposable {
  private readonly item = vscode.window.createStatusBarItem('lowabs', vscode.StatusBarAlignment.Right, 100);
  private status: Status = { state: 'stopped', message: 'not running' };

  constructor() {
    this.item.name = 'lowabs';
    this.item.command = 'lowabs.menu';
    this.refresh();
    this.item.show();
  }

  show(status: Status): void {
    this.status = status;
    void vscode.commands.executeCommand('setContext', 'lowabs.state', status.state);
    this.refresh();
  }

  /** One line for a person: what the state is where the cursor stands. */
  line(): string {
    const language = languageTurnedOff();
    return this.status.state === 'ready' && language ? `off in ${language}` : this.status.message;
  }

  state(): Status['state'] {
    return this.status.state === 'ready' && languageTurnedOff() ? 'off' : this.status.state;
  }

  refresh(): void {
    this.item.text = `$(${ICONS[this.state()]}) lowabs`;
    const details = [this.line(), this.status.reason, this.lastRequest()].filter(Boolean).join('\n\n');
    this.item.tooltip = new vscode.MarkdownString(details);
    this.item.accessibilityInformation = { label: `lowabs: ${this.line()}` };
    const wrong = ['error', 'stopped', 'missing'].includes(this.state());
    this.item.backgroundColor = wrong ? new vscode.ThemeColor('statusBarItem.warningBackground') : undefined;
  }

  dispose(): void {
    this.item.dispose();
  }

  private lastRequest(): string | undefined {
    const last = this.status.last;
    if (!last) return undefined;
    const silence = last.reason.startsWith('filtered') ? 'it would not have fitted' : SILENCE[last.reason];
    return silence ? `Nothing at the last place: ${silence}.` : `Last: ${last.reason}, ${last.ms.toFixed(1)} ms.`;
  }
}

/** The language of the current file if it is turned off. */
function languageTurnedOff(): string | undefined {
  const language = vscode.window.activeTextEditor?.document.languageId;
  const off = vscode.workspace.getConfiguration('lowabs').get<string[]>('disabledLanguages', []);
  return language && off.includes(language) ? language : undefined;
}
