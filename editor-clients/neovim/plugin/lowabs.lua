-- Ghost text from lowabs-lsp: <Tab> takes it, <M-Right> its next word, <M-C-Right> the rest of its line.
-- Neovim 0.12 or newer needs this file alone; Neovim 0.7 to 0.11 needs lua/lowabs_ghost.lua beside it.

-- What each key takes of the ghost text: the first of its patterns that matches.
local KEYS = {
  ['<Tab>'] = { '^.+' },
  ['<M-Right>'] = { '^%s*[%w_\128-\255]+', '^%s*[^%w%s]', '^%s+' },
  ['<M-C-Right>'] = { '^\n*[^\n]+' },
}

--- Let `client` end the lines of what it is offered as buffers do: Neovim would draw the others' \r as ^M.
local function end_lines_plainly(client)
  local request = client.request
  client.request = function(self, method, params, handler, buffer)
    local plain = handler
    if handler and method == 'textDocument/inlineCompletion' then
      plain = function(problem, result, context)
        for _, item in ipairs(result and (result.items or result) or {}) do
          item.insertText = item.insertText:gsub('\r\n', '\n')
        end
        return handler(problem, result, context)
      end
    end
    return request(self, method, params, plain, buffer)
  end
end

--- Tell `client` that `buffer` is in front, and where the cursor is: it reads the place while nobody waits.
local function focus(client, buffer)
  if buffer == vim.api.nvim_get_current_buf() then
    client:notify('textDocument/didFocus', vim.lsp.util.make_position_params(0, client.offset_encoding))
  end
end

--- Start the server for every file; returns a function that gives the ghost text behind the cursor, if there is any.
local function start()
  local settings = { lowabs = next(vim.g.lowabs or {}) and vim.g.lowabs or vim.empty_dict() }
  if vim.fn.has('nvim-0.12') == 0 then
    return require('lowabs_ghost').start(settings)
  end
  local config = { cmd = { 'lowabs-lsp' }, root_markers = { '.git' }, init_options = settings, settings = settings }
  vim.lsp.config('lowabs', vim.tbl_deep_extend('keep', vim.lsp.config.lowabs or {}, config))
  vim.lsp.enable('lowabs')
  local attached = {} -- ids of clients
  vim.api.nvim_create_autocmd('LspAttach', {
    callback = function(event)
      local client = vim.lsp.get_client_by_id(event.data.client_id)
      if client.name == 'lowabs' then
        if not attached[client.id] then
          attached[client.id] = true
          end_lines_plainly(client)
        end
        vim.lsp.inline_completion.enable(true, { bufnr = event.buf })
        focus(client, event.buf)
      end
    end,
  })
  vim.api.nvim_create_autocmd('BufEnter', {
    callback = function(event)
      for _, client in ipairs(vim.lsp.get_clients({ name = 'lowabs', bufnr = event.buf })) do
        focus(client, event.buf)
      end
    end,
  })
  return function()
    local text, done
    local shown = vim.lsp.inline_completion.get({
      on_accept = function(item)
        -- The item may be older than the last key: only what still continues the text before the cursor is of use.
        local row, column = unpack(vim.api.nvim_win_get_cursor(0))
        local start_row, start_column = item.range:to_extmark()
        local typed = start_row == row - 1 and vim.api.nvim_get_current_line():sub(start_column + 1, column)
        text = typed and vim.startswith(item.insert_text, typed) and item.insert_text:sub(#typed + 1)
        done = true
      end,
    })
    -- Neovim calls back a little later; a key that is typed until then would come before the text.
    vim.wait(shown and 1000 or 0, function()
      return done
    end, 1)
    return text
  end
end

local function insert(text)
  local row, column = unpack(vim.api.nvim_win_get_cursor(0))
  local lines = vim.split(text:gsub('\r\n', '\n'), '\n', { plain = true })
  vim.api.nvim_buf_set_text(0, row - 1, column, row - 1, column, lines)
  vim.api.nvim_win_set_cursor(0, { row + #lines - 1, (#lines == 1 and column or 0) + #lines[#lines] })
end

--- Keep what `key` did so far under another name; returns that name.
local function keep(key)
  local name, map = '<Plug>(lowabs-' .. key:sub(2), vim.fn.maparg(key, 'i', false, true)
  local action = map.callback or (map.rhs and map.rhs:gsub('<SID>', ('<SNR>%d_'):format(map.sid))) or key
  vim.keymap.set('i', name, action, { expr = map.expr == 1, remap = map.noremap == 0, silent = map.silent == 1 })
  return vim.api.nvim_replace_termcodes(name, true, true, true)
end

local ghost_text = start()
for key, patterns in pairs(KEYS) do
  local before = keep(key)
  vim.keymap.set('i', key, function()
    local text = ghost_text()
    for _, pattern in ipairs(text and patterns or {}) do
      if text:match(pattern) then
        return insert(text:match(pattern))
      end
    end
    vim.api.nvim_feedkeys(before, 'mi', false)
  end, { desc = 'Take ghost text from lowabs-lsp' })
end
