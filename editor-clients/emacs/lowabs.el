;;; lowabs.el --- Ghost text from lowabs-lsp -*- lexical-binding: t -*-

;; Package-Requires: ((emacs "28.1"))
;; SPDX-License-Identifier: MIT

;;; Commentary:
;; Talks to lowabs-lsp by itself, so that it stands beside eglot, lsp-mode or nothing at all.
;; With ghost text on the screen TAB takes it, M-<right> its next word, C-M-<right> its next line and C-g sends it away;
;; without, these keys do what they always do.

;;; Code:

(require 'jsonrpc)
(require 'subr-x)
(require 'url-util)

(defgroup lowabs nil "Ghost text from lowabs-lsp." :group 'convenience)

(defcustom lowabs-command '("lowabs-lsp")
  "Program of the server and its arguments."
  :type '(repeat string))

(defcustom lowabs-settings nil
  "Settings of the server: (:disabledLanguages [\"markdown\"]) and the like."
  :type '(plist))

(defcustom lowabs-delay 0.05
  "Seconds without a key after which the server is asked."
  :type 'number)

(defface lowabs-ghost-text '((t :inherit shadow))
  "Text that is offered.")

(defvar lowabs--server nil "Connection to the server, once it is initialized.")
(defvar lowabs--starting nil "Connection to the server until then.")
(defvar lowabs--timer nil)
(defconst lowabs--focus-hooks '(window-buffer-change-functions window-selection-change-functions))
(defvar-local lowabs--version nil "Modification tick of the text that the server has; nil before it has any.")
(defvar-local lowabs--seen nil "Modification tick after the last command.")
(defvar-local lowabs--offer nil "What is shown: (BEGINNING . TEXT), where BEGINNING is a position of this buffer.")
(defvar-local lowabs--overlay nil)

;;; The server

(defun lowabs--connect ()
  "Start the server unless it runs."
  (unless (or lowabs--server lowabs--starting)
    (if (executable-find (car lowabs-command))
        (lowabs--initialize (setq lowabs--starting (lowabs--connection)))
      (lwarn 'lowabs :warning "%s is not on the PATH; run: pipx install lowabs-lsp" (car lowabs-command)))))

(defun lowabs--connection ()
  (let ((log (if (slot-exists-p 'jsonrpc-connection '-events-buffer-config)
                 '(:events-buffer-config (:size 0))
               '(:events-buffer-scrollback-size 0)))
        (process (lambda ()
                   (make-process :name "lowabs" :command lowabs-command :connection-type 'pipe :coding 'utf-8-emacs-unix
                                 :noquery t :stderr (get-buffer-create " *lowabs stderr*")))))
    (apply #'make-instance 'jsonrpc-process-connection :name "lowabs" :process process :on-shutdown #'lowabs--ended log)))

(defun lowabs--ended (_connection)
  (setq lowabs--server nil lowabs--starting nil)
  (dolist (buffer (buffer-list))
    (with-current-buffer buffer (setq lowabs--version nil))))

(defun lowabs--initialize (connection)
  (jsonrpc-async-request
   connection :initialize
   `(:processId ,(emacs-pid) :rootUri ,(lowabs--uri default-directory)
     :clientInfo (:name "Emacs" :version ,emacs-version)
     :initializationOptions (:lowabs ,(or lowabs-settings (make-hash-table)))
     :capabilities (:general (:positionEncodings ["utf-32"])
                    :textDocument (:inlineCompletion (:dynamicRegistration :json-false))))
   :success-fn (lambda (_)
                 (setq lowabs--server connection lowabs--starting nil)
                 (jsonrpc-notify connection :initialized (make-hash-table))
                 (dolist (buffer (buffer-list))
                   (with-current-buffer buffer (when (bound-and-true-p lowabs-mode) (lowabs--synchronize)))))))

(defun lowabs--uri (path)
  (concat "file://" (url-hexify-string (expand-file-name path) url-path-allowed-chars)))

(defun lowabs--language ()
  "The major mode's LSP language identifier."
  (let ((name (replace-regexp-in-string "\\(-ts\\)?-mode\\'" "" (symbol-name major-mode))))
    (or (cdr (assoc name '(("sh" . "shellscript") ("bash" . "shellscript") ("js" . "javascript") ("js2" . "javascript")
                           ("tsx" . "typescriptreact") ("c++" . "cpp") ("makefile-gmake" . "makefile") ("conf-toml" . "toml"))))
        name)))

(defun lowabs--synchronize ()
  "Give the server this buffer's text, unless it has it."
  (let ((tick (buffer-chars-modified-tick))
        (uri (lowabs--uri buffer-file-name))
        (text (save-restriction (widen) (buffer-substring-no-properties (point-min) (point-max)))))
    (cond ((not lowabs--version)
           (jsonrpc-notify lowabs--server :textDocument/didOpen
                           `(:textDocument (:uri ,uri :languageId ,(lowabs--language) :version ,tick :text ,text))))
          ((/= lowabs--version tick)
           (jsonrpc-notify lowabs--server :textDocument/didChange
                           `(:textDocument (:uri ,uri :version ,tick) :contentChanges [(:text ,text)]))))
    (setq lowabs--version tick)))

(defun lowabs--position ()
  "Point as the server counts."
  `(:line ,(1- (line-number-at-pos nil t)) :character ,(- (point) (line-beginning-position))))

(defun lowabs--focus (window)
  "Tell the server that WINDOW's buffer is in front, and where its cursor is: it reads the place while nobody waits."
  (when (and (eq window (selected-window)) lowabs--server lowabs--version)
    (lowabs--synchronize)
    (jsonrpc-notify lowabs--server :textDocument/didFocus
                    `(:textDocument (:uri ,(lowabs--uri buffer-file-name)) :position ,(lowabs--position)))))

(defun lowabs--close ()
  (when (and lowabs--server lowabs--version)
    (jsonrpc-notify lowabs--server :textDocument/didClose `(:textDocument (:uri ,(lowabs--uri buffer-file-name)))))
  (setq lowabs--version nil))

(defun lowabs--request (buffer)
  "Ask for what belongs at point, if BUFFER is still the current one."
  (when (and lowabs--server (eq buffer (current-buffer)) buffer-file-name)
    (lowabs--synchronize)
    (let ((tick (buffer-chars-modified-tick)) (here (point)))
      (jsonrpc-async-request
       lowabs--server :textDocument/inlineCompletion
       `(:textDocument (:uri ,(lowabs--uri buffer-file-name))
         :position ,(lowabs--position)
         :context (:triggerKind 2))
       :error-fn #'ignore
       :success-fn (lambda (result)
                     (when (buffer-live-p buffer)
                       (with-current-buffer buffer
                         (when (and (= tick (buffer-chars-modified-tick)) (= here (point)))
                           (lowabs--show (lowabs--offer-of (plist-get result :items)))))))))))

(defun lowabs--offer-of (items)
  "The first of ITEMS as (BEGINNING . TEXT)."
  (when (> (length items) 0)
    (let* ((item (aref items 0))
           (start (plist-get (plist-get item :range) :start))
           (beginning (if start (+ (line-beginning-position) (plist-get start :character)) (point))))
      (cons beginning (string-replace "\r\n" "\n" (plist-get item :insertText))))))

;;; The ghost text

(defun lowabs--rest ()
  "What of the offer is not typed yet; nil when the text does not lead to it."
  (pcase-let ((`(,beginning . ,text) lowabs--offer))
    (when (and text (<= (point-min) beginning (point)))
      (let ((typed (buffer-substring-no-properties beginning (point))))
        (and (string-prefix-p typed text) (not (string= typed text)) (substring text (length typed)))))))

(defun lowabs--show (offer)
  (when lowabs--overlay (delete-overlay lowabs--overlay))
  (setq lowabs--offer offer)
  (if-let ((rest (lowabs--rest)))
      (let ((ghost (propertize rest 'face 'lowabs-ghost-text)))
        (put-text-property 0 1 'cursor t ghost)
        (setq lowabs--overlay (make-overlay (point) (point)))
        (overlay-put lowabs--overlay 'after-string ghost))
    (setq lowabs--offer nil)))

(defun lowabs--after-command ()
  (lowabs--show lowabs--offer)
  (let ((tick (buffer-chars-modified-tick)))
    (unless (eql tick lowabs--seen)
      (setq lowabs--seen tick)
      (when lowabs--timer (cancel-timer lowabs--timer))
      (setq lowabs--timer (run-with-idle-timer lowabs-delay nil #'lowabs--request (current-buffer))))))

(defun lowabs--take (pattern)
  "Insert what PATTERN matches of the ghost text."
  (let ((rest (lowabs--rest)))
    (when (and rest (string-match pattern rest))
      (insert (match-string 0 rest)))))

(defun lowabs-take ()
  "Take the ghost text."
  (interactive)
  (lowabs--take "\\`\\(?:.\\|\n\\)+"))

(defun lowabs-take-word ()
  "Take the next word of the ghost text."
  (interactive)
  (lowabs--take "\\`[[:space:]\n]*\\(?:\\(?:\\w\\|\\s_\\)+\\|.\\|\\'\\)"))

(defun lowabs-take-line ()
  "Take the next line of the ghost text."
  (interactive)
  (lowabs--take "\\`\n*.+"))

(defun lowabs-dismiss ()
  "Send the ghost text away."
  (interactive)
  (lowabs--show nil))

(defun lowabs--bound (command)
  "A binding to COMMAND that is there with ghost text on the screen only."
  `(menu-item "" ,command :filter ,(lambda (bound) (and (lowabs--rest) bound))))

(defvar lowabs-mode-map
  (let ((map (make-sparse-keymap)))
    (dolist (key '("TAB" "<tab>"))
      (define-key map (kbd key) (lowabs--bound 'lowabs-take)))
    (define-key map (kbd "M-<right>") (lowabs--bound 'lowabs-take-word))
    (define-key map (kbd "C-M-<right>") (lowabs--bound 'lowabs-take-line))
    (define-key map (kbd "C-g") (lowabs--bound 'lowabs-dismiss))
    map)
  "Keys while there is ghost text.")

;;;###autoload
(define-minor-mode lowabs-mode
  "Ghost text from lowabs-lsp in this buffer."
  :lighter " lowabs"
  (cond (lowabs-mode
         (setq lowabs--seen (buffer-chars-modified-tick))
         (add-hook 'post-command-hook #'lowabs--after-command nil t)
         (add-hook 'kill-buffer-hook #'lowabs--close nil t)
         (dolist (hook lowabs--focus-hooks)
           (add-hook hook #'lowabs--focus nil t))
         (lowabs--connect)
         (when lowabs--server (lowabs--synchronize)))
        (t
         (remove-hook 'post-command-hook #'lowabs--after-command t)
         (remove-hook 'kill-buffer-hook #'lowabs--close t)
         (dolist (hook lowabs--focus-hooks)
           (remove-hook hook #'lowabs--focus t))
         (lowabs--show nil)
         (lowabs--close))))

(defun lowabs--turn-on ()
  (when buffer-file-name (lowabs-mode)))

;;;###autoload
(define-globalized-minor-mode global-lowabs-mode lowabs-mode lowabs--turn-on)

(provide 'lowabs)
;;; lowabs.el ends here
