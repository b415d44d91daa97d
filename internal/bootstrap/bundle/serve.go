package bundle

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"time"
)

// Handler serves a bundle: its manifest at /bundle.json, and the files that the manifest names at their paths, with range
// requests and with their SHA-256 as entity tags. Nothing else in the directory is to be had. Close it after use.
type Handler struct {
	root  *os.Root
	files map[string]File
	log   *slog.Logger
}

// NewHandler serves the bundle in dir. Requests are logged to log; nil logs nothing.
func NewHandler(dir string, log *slog.Logger) (*Handler, error) {
	m, sum, err := load(dir)
	if err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	h := &Handler{root: root, log: log, files: map[string]File{ManifestFile: {Path: ManifestFile, SHA256: strings.TrimPrefix(sum, "sha256:")}}}
	for f := range m.Files() {
		h.files[f.Path] = f
	}
	return h, nil
}

// Close releases the directory.
func (h *Handler) Close() error { return h.root.Close() }

// ServeHTTP answers GET and HEAD.
func (h *Handler) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	status := h.serve(w, req)
	h.log.Info("request", "from", req.RemoteAddr, "method", req.Method, "path", req.URL.Path, "range", req.Header.Get("Range"), "status", status)
}

func (h *Handler) serve(w http.ResponseWriter, req *http.Request) (status int) {
	fail := func(code int, text string) int {
		http.Error(w, text, code)
		return code
	}
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		return fail(http.StatusMethodNotAllowed, "a bundle can only be read")
	}
	f, ok := h.files[strings.TrimPrefix(req.URL.Path, "/")]
	if !ok {
		return fail(http.StatusNotFound, "not in the bundle; see /"+ManifestFile)
	}
	file, err := h.root.Open(f.Path)
	if err != nil {
		if errors.Is(err, fs.ErrNotExist) {
			return fail(http.StatusNotFound, "missing from the bundle")
		}
		h.log.Error("reading", "path", f.Path, "error", err)
		return fail(http.StatusInternalServerError, "the file cannot be read; see the log of the server")
	}
	defer func() { _ = file.Close() }()
	info, err := file.Stat()
	if err != nil || !info.Mode().IsRegular() {
		return fail(http.StatusInternalServerError, "not a regular file")
	}
	kind := "application/octet-stream"
	if f.Path == ManifestFile {
		kind = "application/json"
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("ETag", `"`+f.SHA256+`"`)
	recorded := &statusWriter{ResponseWriter: w, status: http.StatusOK}
	http.ServeContent(recorded, req, "", time.Time{}, file)
	return recorded.status
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(code int) {
	w.status = code
	w.ResponseWriter.WriteHeader(code)
}

// Unwrap lets the connection copy files without a detour.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// drain is how long downloads under way may go on after Serve was asked to end.
const drain = 5 * time.Second

// Serve answers on listener until ctx ends. Clients have 10 seconds to ask and two minutes between requests.
func Serve(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 1 << 16,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	done := make(chan error, 1)
	go func() { done <- server.Serve(listener) }()
	select {
	case err := <-done:
		return fmt.Errorf("serving on %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), drain)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		return server.Close()
	}
	return nil
}
