package planfile

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/clusterform/clusterform/planner"
)

const (
	magic = "clusterform-plan"
	// maxHeader bounds the first line, in bytes.
	maxHeader = 4096
	// keyCheck is what a key's MAC of tells whether the file was made with it.
	keyCheck = "clusterform plan file: which key"
)

// header is the first line of a file.
type header struct {
	Format        string `json:"format"`
	FormatVersion string `json:"format_version"`
	ToolVersion   string `json:"clusterform_version"`
	// Key tells keys apart; Length is that of what follows the header, in bytes.
	Key    string `json:"key"`
	Length int    `json:"length"`
	// MAC is over the header without it and everything that follows.
	MAC string `json:"mac,omitempty"`
}

// line is the header as it stands in the file.
func (h header) line() []byte {
	b, err := json.Marshal(h)
	if err != nil {
		return nil // strings and a number always marshal
	}
	return append(b, '\n')
}

// authenticated is what the MAC is over.
func (h header) authenticated(body []byte) []byte {
	h.MAC = ""
	return append(h.line(), body...)
}

// readHeader takes a file apart into header and rest.
func readHeader(data []byte) (header, []byte, error) {
	var h header
	prefix := []byte(`{"format":"` + magic + `"`)
	end := bytes.IndexByte(data[:min(len(data), maxHeader)], '\n')
	switch {
	case len(data) == 0:
		return h, nil, fmt.Errorf("%w (it is empty)", ErrForeign)
	case !bytes.HasPrefix(data, prefix[:min(len(prefix), len(data))]):
		return h, nil, ErrForeign
	case end < 0 && len(data) < maxHeader:
		return h, nil, ErrTruncated
	case end < 0:
		return h, nil, ErrTampered
	}
	line := data[:end+1]
	if json.Unmarshal(line, &h) != nil || h.Format != magic {
		return h, nil, ErrTampered
	}
	if newer(h.FormatVersion) {
		return h, nil, &NewerError{File: h.FormatVersion, Tool: h.ToolVersion, Known: planner.FormatVersion}
	}
	if !bytes.Equal(h.line(), line) {
		return h, nil, ErrTampered
	}
	return h, data[end+1:], nil
}

// newer tells whether a format's major version is beyond ours.
func newer(version string) bool {
	return major(version) > major(planner.FormatVersion)
}

func major(version string) int {
	s, _, _ := strings.Cut(version, ".")
	n, err := strconv.Atoi(s)
	if err != nil {
		return 0
	}
	return n
}
