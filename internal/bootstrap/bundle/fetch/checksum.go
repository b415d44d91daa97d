package fetch

import (
	"encoding/hex"
	"fmt"
	"path"
	"strings"
)

// ParseChecksum finds a file's SHA-256 in a checksum file as projects publish them beside their releases: the sum alone,
// or lines of sum and file name as sha256sum writes them.
func ParseChecksum(text, file string) (string, error) {
	var sums []string
	for line := range strings.Lines(text) {
		fields := strings.Fields(line)
		if len(fields) == 0 || !IsSHA256(fields[0]) {
			continue
		}
		sum := strings.ToLower(fields[0])
		switch {
		case len(fields) == 1:
			sums = append(sums, sum)
		case path.Base(strings.TrimPrefix(fields[1], "*")) == file:
			return sum, nil
		}
	}
	if len(sums) == 1 {
		return sums[0], nil
	}
	return "", fmt.Errorf("no SHA-256 of %s in it", file)
}

// IsSHA256 tells whether s is a SHA-256 in hexadecimal.
func IsSHA256(s string) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == 32
}
