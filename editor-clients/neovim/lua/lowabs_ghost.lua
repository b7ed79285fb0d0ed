-- Ghost text by textDocument/inlineCompletion for Neovim 0.7 to 0.11; Neovim 0.12 has its own and does not load this file.
local M = {}

local DEBOUNCE = 50 -- milliseconds
local namespace = vim.api.nvim_create_namespace('lowabs')
local client -- the one server
local pending -- id of the request that is not answered yet
local offer -- what is shown: buffer, row and column (bytes) where it begins, counted from 0, and its text

--- The part of the offer that is not typed yet; nil when the text before the cursor does not lead to it.
local function rest()
  if not offer or offer.buffer ~= vim.api.nvim_get_current_buf() then
    return nil
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local typed = vim.api.nvim_get_current_line():sub(offer.column + 1, column)
  local leads = row - 1 == offer.row and column >= offer.column and vim.startswith(offer.text, typed)
  return leads and #typed < #offer.text and offer.text:sub(#typed + 1) or nil
end

local function hide()
  if offer and vim.api.nvim_buf_is_valid(offer.buffer) then
    vim.api.nvim_buf_clear_namespace(offer.buffer, namespace, 0, -1)
  end
end

--- `text` as virtual text at the cursor. Before 0.10 it can only cover what stands there, so that is drawn behind it again.
local function mark(text)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text, '\n', { plain = true })
  local first, below = { { lines[1], 'Comment' } }, {}
  for i = 2, #lines do
    below[i - 1] = { { lines[i], 'Comment' } }
  end
  local between = vim.fn.has('nvim-0.10') == 1
  if not between then
    first[2] = { vim.api.nvim_get_current_line():sub(column + 1), 'Normal' }
  end
  vim.api.nvim_buf_set_extmark(0, namespace, row - 1, column, {
    virt_text = first,
    virt_text_pos = between and 'inline' or 'overlay',
    virt_lines = below[1] and below or nil,
  })
end

local function show(new)
  hide()
  offer = new
  local text = rest()
  if text then
    mark(text)
  else
    offer = nil
  end
end

local function answer(row, column, item)
  if not item then
    return show(nil)
  end
  if item.range then
    column = vim.lsp.util._get_line_byte_from_position(0, item.range.start, client.offset_encoding)
  end
  show({ buffer = vim.api.nvim_get_current_buf(), row = row, column = column, text = item.insertText:gsub('\r\n', '\n') })
end

local function request()
  local buffer, tick = vim.api.nvim_get_current_buf(), vim.b.changedtick
  if vim.fn.mode() ~= 'i' or not client or not vim.lsp.buf_is_attached(buffer, client.id) then
    return
  end
  if pending then
    client.cancel_request(pending)
  end
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local params = vim.lsp.util.make_position_params(0, client.offset_encoding)
  params.context = { triggerKind = 2 }
  local _, id = client.request('textDocument/inlineCompletion', params, function(problem, result)
    local current = vim.api.nvim_get_current_buf() == buffer and vim.b.changedtick == tick and vim.fn.mode() == 'i'
    if current and not problem then
      pending = nil
      answer(row - 1, column, result and (result.items or result)[1])
    end
  end, buffer)
  pending = id
end

--- Serve the current buffer, with a client that is started where none runs.
local function attach(config)
  if vim.bo.buftype ~= '' then
    return
  end
  if not client or client.is_stopped() then
    local id = vim.lsp.start_client(config)
    client = id and vim.lsp.get_client_by_id(id)
  end
  if client then
    vim.lsp.buf_attach_client(0, client.id)
  end
end

--- Tell the server that the current buffer is in front, and where the cursor is: it reads the place while nobody waits.
local function focus()
  if client and client.initialized and vim.lsp.buf_is_attached(0, client.id) then
    client.notify('textDocument/didFocus', vim.lsp.util.make_position_params(0, client.offset_encoding))
  end
end

--- Serve every file; returns a function that gives the ghost text behind the cursor, if there is any.
function M.start(settings)
  local config = { name = 'lowabs', cmd = { 'lowabs-lsp' }, root_dir = vim.fn.getcwd() }
  config.init_options, config.settings = settings, settings
  config.capabilities = vim.lsp.protocol.make_client_capabilities()
  config.capabilities.textDocument.inlineCompletion = { dynamicRegistration = false }
  local group, timer = vim.api.nvim_create_augroup('lowabs', {}), vim.loop.new_timer()
  local function on(events, callback)
    vim.api.nvim_create_autocmd(events, { group = group, callback = callback })
  end
  on('FileType', function()
    attach(config)
  end)
  on('BufEnter', focus)
  on({ 'InsertEnter', 'TextChangedI', 'TextChangedP' }, function()
    show(offer)
    timer:start(DEBOUNCE, 0, vim.schedule_wrap(request))
  end)
  on('CursorMovedI', function()
    show(offer)
  end)
  on('InsertLeave', function()
    show(nil)
  end)
  return rest
end

return M
