package orchestrator

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"

	"github.com/clusterform/clusterform/hclconfig"
)

// maxName is the longest name of an object: a CronJob's jobs and pods add to it, and may not pass 63 characters.
const maxName = 52

// Name is the name of a block's objects within their namespace: its label, with the key of for_each after a hyphen
// (`web`, `web-eu`). A key that cannot be part of a name is replaced by what is left of it and a hash.
func Name(b *hclconfig.Block) string {
	if b.Key == "" {
		return fit(b.Name, b.Name)
	}
	return fit(b.Name+"-"+Part(b.Key), b.Name+"\x00"+b.Key)
}

func fit(name, identity string) string {
	if len(name) <= maxName {
		return name
	}
	const tail = 8
	return strings.TrimRight(name[:maxName-tail-1], "-") + "-" + digest(identity)[:tail]
}

// Part makes a label of the files part of a name: itself where it is small letters, digits and hyphens, else what is left
// of it with a hash, so that two labels never become one name.
func Part(label string) string {
	plain := strings.Trim(strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9', r == '-':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		default:
			return '-'
		}
	}, label), "-")
	const most = 40
	if plain == label && plain != "" && len(plain) <= most {
		return plain
	}
	plain = strings.TrimRight(plain[:min(len(plain), most-9)], "-")
	return strings.TrimLeft(plain+"-"+digest(label)[:8], "-")
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
