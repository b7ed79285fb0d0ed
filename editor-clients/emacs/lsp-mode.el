;; lsp-mode 10 or newer: ghost text beside the language's own servers; TAB takes it.
(with-eval-after-load 'lsp-mode
  (lsp-register-client
   (make-lsp-client :new-connection (lsp-stdio-connection '("lowabs-lsp"))
                    :activation-fn #'always
                    :add-on? t
                    :server-id 'lowabs)))
(with-eval-after-load 'lsp-inline-completion
  (setq lsp-inline-completion-idle-delay 0.05)
  (define-key lsp-inline-completion-active-map (kbd "TAB") #'lsp-inline-completion-accept))
(add-hook 'prog-mode-hook #'lsp-deferred)
