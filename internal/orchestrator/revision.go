package orchestrator

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"maps"
	"slices"
)

// revisionLength is enough to tell the revisions of one object apart.
const revisionLength = 10

// Revision is a short hash of files by name: part of the name of the object that holds them, so that a change of content is a
// new object, a rollout, and something to go back to.
//
// For what is secret use SecretRevision: a plain hash of a password lets others try guesses.
func Revision(files map[string]string) string { return sum(sha256.New(), files) }

// SecretRevision is Revision under a key. Without a key it is empty: the name then says nothing of the content.
func SecretRevision(key []byte, files map[string]string) string {
	if len(key) == 0 {
		return ""
	}
	return sum(hmac.New(sha256.New, key), files)
}

func sum(h hash.Hash, files map[string]string) string {
	for _, name := range slices.Sorted(maps.Keys(files)) {
		for _, s := range []string{name, files[name]} {
			h.Write(binary.AppendUvarint(nil, uint64(len(s)))) // lengths, so that no two sets of files read alike
			h.Write([]byte(s))
		}
	}
	return hex.EncodeToString(h.Sum(nil))[:revisionLength]
}

// WithRevision appends a revision to a name, if there is one.
func WithRevision(name, revision string) string {
	if revision == "" {
		return name
	}
	return name + "-" + revision
}
