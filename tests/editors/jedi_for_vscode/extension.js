// jedi-language-server as the only thing that this extension brings.
const { LanguageClient } = require('vscode-languageclient/node');

exports.activate = () => {
  const client = new LanguageClient('jedi', 'jedi', { command: 'jedi-language-server' }, { documentSelector: [{ language: 'python' }] });
  return client.start();
};
