// The server's process: found, started, started anew; and what it says of itself.
import * as vscode from 'vscode';
import { type ExecuteCommandParams, ExecuteCommandRequest } from 'vscode-languageclient';
import { type ErrorHandler, ErrorAction, LanguageClient, State } from 'vscode-languageclient/node';
import { find, offerInstallation } from './program';
import { explicitSettings } from './settings';
import type { Status } from './status';

const STATUS = 'lowabs/status', STATUS_CHANGED = 'lowabs/statusChanged', DID_FOCUS = 'textDocument/didFocus';

export class Server implements vscode.Disposable {
  private client: LanguageClient | undefined;
  private readonly log = vscode.window.createOutputChannel('lowabs', { log: true });

  constructor(private readonly tell: (status: Status) => void) {}

  /** Start the server, anew if it runs; offer to install it where it is missing. */
  async start(): Promise<void> {
    await this.stop();
    const [program = 'lowabs-lsp', ...args] = command();
    const path = find(program);
    if (path) return this.run(path, args);
    this.tell({ state: 'missing', message: `${program} is not on this machine` });
    if (await offerInstallation(program)) await this.start();
  }

  private async run(path: string, args: string[]): Promise<void> {
    const settings = () => explicitSettings(vscode.workspace.getConfiguration('lowabs'));
    let restarts: ErrorHandler | undefined;
    const client: LanguageClient = new LanguageClient('lowabs', 'lowabs', { command: path, args }, {
      // Keys that are written to a server which has just crashed fail; the library would then stop it for good instead of starting it anew.
      errorHandler: {
        error: () => ({ action: ErrorAction.Continue, handled: true }),
        closed: () => (restarts ??= client.createDefaultErrorHandler()).closed(),
      },
      documentSelector: [{ scheme: 'file' }, { scheme: 'untitled' }, { scheme: 'vscode-notebook-cell' }],
      initializationOptions: settings(),
      middleware: { workspace: { configuration: async () => [settings()] } },
      outputChannel: this.log,
    });
    client.registerFeature({
      fillClientCapabilities: (capabilities) => { capabilities.experimental = { lowabs: { status: true } }; },
      initialize: () => {},
      getState: () => ({ kind: 'static' }),
      clear: () => {},
    });
    client.onDidChangeState(({ newState }) => this.changed(client, newState));
    client.onNotification(STATUS_CHANGED, (status: Status) => this.tell(status));
    this.client = client;
    await client.start();
  }

  private changed(client: LanguageClient, state: State): void {
    if (client !== this.client) return;
    if (state === State.Running) void this.ask(client);
    else this.tell(state === State.Starting ? { state: 'loading', message: 'starting' } : { state: 'stopped', message: 'not running' });
  }

  /** A server of an older version knows no status; that it runs is known all the same. */
  private async ask(client: LanguageClient): Promise<void> {
    this.tell(await client.sendRequest<Status>(STATUS).catch((): Status => ({ state: 'ready', message: 'ready' })));
  }

  async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    await client?.dispose();
  }

  /** Have the server execute one of its commands. */
  async execute(command: string, ...args: unknown[]): Promise<void> {
    const params: ExecuteCommandParams = { command, arguments: args };
    await this.client?.sendRequest(ExecuteCommandRequest.type, params);
  }

  /** The model may read what stands around the cursor before anybody asks. */
  focus({ document, selection }: vscode.TextEditor): void {
    if (!this.client?.isRunning()) return;
    const convert = this.client.code2ProtocolConverter;
    void this.client.sendNotification(DID_FOCUS, {
      textDocument: convert.asTextDocumentIdentifier(document),
      position: convert.asPosition(selection.active),
    });
  }

  showLog(): void {
    this.log.show();
  }

  dispose(): void {
    this.log.dispose();
  }
}

/** The program of the server and its arguments. */
export function command(): string[] {
  return vscode.workspace.getConfiguration('lowabs').get<string[]>('command', ['lowabs-lsp']);
}
