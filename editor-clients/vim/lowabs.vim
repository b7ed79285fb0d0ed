vim9script
# Ghost text from lowabs-lsp in Vim 9, with nothing else to install: <Tab> takes it, <M-Right> its next word, <M-C-Right> its line.

if !has('job') || !has('textprop') || !has('patch-9.0.121') || !executable('lowabs-lsp')
  echomsg 'lowabs: needs Vim 9.0.121 with +job and +textprop, and lowabs-lsp on the PATH (pipx install lowabs-lsp)'
  finish
endif

# What each key takes of the ghost text: the first of its patterns that matches.
const KEYS = {
  '<Tab>': ['^\_.\+'],
  '<M-Right>': ['^\_s*\k\+', '^\_s*\S', '^\_s\+'],
  '<M-C-Right>': ['^\n*[^\n]\+'],
}
const DEBOUNCE = 50 # milliseconds

var server: job
var ready = false
var versions: dict<number> = {} # of the buffers that the server knows, by number
var pending = -1 # the request that is not answered yet
var timer = -1
var offer: dict<any> = {} # what is shown: buffer, line, column (bytes, from 0) where it begins, and its text

# ---------------------------------------------------------------------------------------------------------- the server

def Notify(method: string, params: dict<any>)
  ch_sendexpr(server, {method: method, params: params})
enddef

def Start()
  if job_status(server) == 'run'
    return
  endif
  ready = false
  versions = {}
  server = job_start(['lowabs-lsp'], {in_mode: 'lsp', out_mode: 'lsp', err_io: 'null', noblock: 1, out_cb: Answer})
  ch_sendexpr(server, {method: 'initialize', params: {
    processId: getpid(),
    clientInfo: {name: 'Vim', version: string(v:versionlong)},
    rootUri: Uri(getcwd()),
    initializationOptions: {lowabs: get(g:, 'lowabs', {})},
    capabilities: {
      general: {positionEncodings: ['utf-8']},
      textDocument: {inlineCompletion: {dynamicRegistration: false}},
    },
  }}, {callback: Started})
enddef

def Started(channel: channel, message: dict<any>)
  ready = true
  Notify('initialized', {})
  for buffer in getbufinfo({bufloaded: 1})
    Open(buffer.bufnr)
  endfor
enddef

# The server asks for nothing that we have, but a request wants an answer.
def Answer(channel: channel, message: dict<any>)
  if has_key(message, 'id') && has_key(message, 'method')
    ch_sendexpr(server, {id: message.id, result: null})
  endif
enddef

def Uri(path: string): string
  return 'file://' .. substitute(path, '[ %#?]', (m) => printf('%%%02X', char2nr(m[0])), 'g')
enddef

def Identifier(buffer: number): dict<any>
  return {uri: Uri(fnamemodify(bufname(buffer), ':p')), version: versions[buffer]}
enddef

def Text(buffer: number): string
  return getbufline(buffer, 1, '$')->join("\n") .. "\n"
enddef

def Open(buffer: number)
  if ready && !has_key(versions, buffer) && getbufvar(buffer, '&buftype') == '' && bufname(buffer) != ''
    versions[buffer] = getbufvar(buffer, 'changedtick')
    const language = getbufvar(buffer, '&filetype')
    Notify('textDocument/didOpen', {textDocument: Identifier(buffer)->extend({languageId: language, text: Text(buffer)})})
    Focus(buffer)
  endif
enddef

def Change(buffer: number)
  if versions[buffer] != b:changedtick
    versions[buffer] = b:changedtick
    Notify('textDocument/didChange', {textDocument: Identifier(buffer), contentChanges: [{text: Text(buffer)}]})
  endif
enddef

# A buffer that is in front: the server reads where its cursor is while nobody waits.
def Focus(buffer: number)
  if ready && buffer == bufnr() && has_key(versions, buffer)
    Change(buffer)
    Notify('textDocument/didFocus', {
      textDocument: Identifier(buffer),
      position: {line: line('.') - 1, character: col('.') - 1},
    })
  endif
enddef

def Close(buffer: number)
  if has_key(versions, buffer) && job_status(server) == 'run'
    Notify('textDocument/didClose', {textDocument: Identifier(buffer)})
    remove(versions, buffer)
  endif
enddef

def Stop()
  if job_status(server) == 'run'
    ch_evalexpr(server, {method: 'shutdown'}, {timeout: 1000})
    Notify('exit', {})
  endif
enddef

# ------------------------------------------------------------------------------------------------------- the ghost text

highlight default link LowabsGhostText Comment
prop_type_add('lowabs', {highlight: 'LowabsGhostText'})

# The part of the offer that is not typed yet; empty when the text before the cursor does not lead to it.
def Rest(): string
  if empty(offer) || offer.buffer != bufnr() || offer.line != line('.') || offer.column > col('.') - 1
    return ''
  endif
  const typed = strpart(getline('.'), offer.column, col('.') - 1 - offer.column)
  return stridx(offer.text, typed) == 0 ? strpart(offer.text, len(typed)) : ''
enddef

def Show(new: dict<any>)
  if !empty(offer) && bufloaded(offer.buffer)
    prop_remove({type: 'lowabs', all: true, bufnr: offer.buffer})
  endif
  offer = new
  const lines = split(Rest(), "\n", true)
  if empty(lines)
    offer = {}
    return
  endif
  if lines[0] != ''
    prop_add(line('.'), col('.'), {type: 'lowabs', text: lines[0]})
  endif
  for below in lines[1 :]
    prop_add(line('.'), 0, {type: 'lowabs', text: below ?? ' ', text_align: 'below'})
  endfor
enddef

def Request(_: number)
  const buffer = bufnr()
  if mode() != 'i' || !ready || !has_key(versions, buffer)
    return
  endif
  Change(buffer)
  if pending >= 0
    Notify('$/cancelRequest', {id: pending})
  endif
  const place = {buffer: buffer, line: line('.'), column: col('.') - 1}
  const tick = b:changedtick
  pending = ch_sendexpr(server, {method: 'textDocument/inlineCompletion', params: {
    textDocument: Identifier(buffer),
    position: {line: place.line - 1, character: place.column},
    context: {triggerKind: 2},
  }}, {callback: (_, message) => Receive(place, tick, message)}).id
enddef

def Receive(place: dict<any>, tick: number, message: dict<any>)
  if mode() != 'i' || bufnr() != place.buffer || b:changedtick != tick || type(get(message, 'result')) != v:t_dict
    return
  endif
  pending = -1
  const items = message.result.items
  Show(empty(items) ? {} : place->extendnew({
    column: get(items[0], 'range', {start: {character: place.column}}).start.character,
    text: substitute(items[0].insertText, "\r\n", "\n", 'g'),
  }))
  redraw
enddef

def Typed()
  Show(offer)
  timer_stop(timer)
  timer = timer_start(DEBOUNCE, Request)
enddef

def Insert(text: string)
  const [line, column] = [line('.'), col('.') - 1]
  const tail = strpart(getline(line), column)
  const lines = split(text, "\n", true)
  const last = line + len(lines) - 1
  setline(line, strpart(getline(line), 0, column) .. lines[0])
  append(line, lines[1 :])
  const end = len(getline(last))
  setline(last, getline(last) .. tail)
  cursor(last, end + 1)
enddef

def Take(key: string)
  const text = Rest()
  for pattern in KEYS[key]
    const part = matchstr(text, pattern)
    if part != ''
      Insert(part)
      return
    endif
  endfor
  feedkeys(Before(key), 'mi')
enddef

# ----------------------------------------------------------------------------------------------------- keys and events

# Another name for what a key did so far.
def Before(key: string): string
  return "\<Plug>(lowabs-" .. key[1 :]
enddef

for key in keys(KEYS)
  var before = maparg(key, 'i', false, true)
  if empty(before)
    execute $'inoremap <Plug>(lowabs-{key[1 :]} {key}'
  else
    mapset('i', false, before->extend({lhs: $'<Plug>(lowabs-{key[1 :]}', lhsraw: Before(key)}))
  endif
  execute $"inoremap {key} <ScriptCmd>Take('{substitute(key, '<', '<lt>', '')}')<CR>"
endfor

augroup lowabs
  autocmd!
  autocmd BufWinEnter * Start() | Open(str2nr(expand('<abuf>')))
  autocmd BufEnter * Focus(str2nr(expand('<abuf>')))
  autocmd BufUnload * Close(str2nr(expand('<abuf>')))
  autocmd InsertEnter,TextChangedI,TextChangedP * Typed()
  autocmd CursorMovedI * Show(offer)
  autocmd InsertLeave * Show({})
  autocmd VimLeavePre * Stop()
augroup END
