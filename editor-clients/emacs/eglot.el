;; Emacs 30 with what it brings: eglot as the client, and its menu's first item shown as ghost text, which TAB takes.
;; eglot has one server for each buffer; where you want another one beside, take lowabs.el instead.
(with-eval-after-load 'eglot
  (add-to-list 'eglot-server-programs '((prog-mode text-mode conf-mode) . ("lowabs-lsp"))))
(add-hook 'prog-mode-hook #'eglot-ensure)
(add-hook 'eglot-managed-mode-hook #'completion-preview-mode)
