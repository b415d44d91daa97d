package artifact

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
)

// Server serves files over HTTP, with ranges.
type Server struct {
	mux   *http.ServeMux
	roots []*os.Root
}

// Serve serves the files in dir, and each bundle below /bundles/NAME/. Links that lead out of a directory are not followed.
func Serve(dir string, bundles []*Bundle) (*Server, error) {
	s := &Server{mux: http.NewServeMux()}
	if err := s.add("/", dir); err != nil {
		return nil, err
	}
	for _, b := range bundles {
		if err := s.add("/bundles/"+b.Name()+"/", b.Dir); err != nil {
			return nil, errors.Join(err, s.Close())
		}
	}
	return s, nil
}

func (s *Server) add(prefix, dir string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return fmt.Errorf("artifacts in %s: %w", filepath.Clean(dir), err)
	}
	s.roots = append(s.roots, root)
	s.mux.Handle(prefix, http.StripPrefix(prefix[:len(prefix)-1], http.FileServerFS(root.FS())))
	return nil
}

func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// Close releases the directories.
func (s *Server) Close() error {
	var errs []error
	for _, r := range s.roots {
		errs = append(errs, r.Close())
	}
	return errors.Join(errs...)
}
